#!/usr/bin/env python3
"""Writes golden cases of the samplers' schedules and trajectories with diffusers' schedulers.

    python3 check_samplers.py FOLDER [--seed N] [--only KIND]
    FLASHPORTRAIT_GOLDEN=FOLDER swift test -c release --filter GoldenTests

* `scheduler_euler`: FlowMatchEulerDiscreteScheduler as it is.
* `scheduler_unipc`, `scheduler_dpm`: UniPCMultistepScheduler and DPMSolverMultistepScheduler with
  flow sigmas. Their steps are those of Wan's variants, their default noise levels are not: Wan's
  UniPC goes evenly from 0.999 to 0 (diffusers' from 1 to 0.001), Wan's DPM++ from 1 to 0
  (diffusers' from 0.999 to 0), all before the shift. So they are handed Wan's levels here, by NumPy
  in Wan's order of operations. How far the end would be with the default levels is printed.
* `scheduler_distill`: a few lines of PyTorch: x0 = x - sigma v, then x0 + next sigma v.

Needs torch, diffusers, numpy and safetensors.
"""

import argparse

import numpy as np
import torch
from diffusers import (
    DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler)

from golden_case import Case, relative_error

STEPS = (1, 2, 3, 4, 5, 7, 10, 14, 15, 16, 20, 25, 30, 31, 40, 50, 100)
SHIFTS = (0.5, 1, 1.5, 3, 5, 7.5, 12)
DISTILLED = ([1000, 750, 500, 250], [1000], [1000, 500], [999, 937, 833, 625, 300, 1])
MULTISTEP = {
    "prediction_type": "flow_prediction", "use_flow_sigmas": True, "final_sigmas_type": "zero",
    "solver_order": 2}


def shifted(sigmas, shift):
    return shift * sigmas / (1 + (shift - 1) * sigmas)


def euler(steps, shift, default):
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(steps)
    return scheduler


def unipc(steps, shift, default):
    scheduler = UniPCMultistepScheduler(**MULTISTEP, solver_type="bh2", flow_shift=shift)
    if default:
        scheduler.set_timesteps(steps)
    else:
        first = torch.tensor(0.999).item()
        scheduler.set_timesteps(sigmas=np.linspace(first, 0, steps + 1)[:-1])
    return scheduler


def dpm(steps, shift, default):
    scheduler = DPMSolverMultistepScheduler(
        **MULTISTEP, algorithm_type="dpmsolver++", solver_type="midpoint", flow_shift=shift)
    scheduler.set_timesteps(steps)
    if not default:
        sigmas = shifted(np.linspace(1, 0, steps + 1)[:steps], shift)
        scheduler.sigmas = torch.from_numpy(np.append(sigmas, 0).astype(np.float32))
        scheduler.timesteps = torch.from_numpy(sigmas * 1000).to(torch.int64)
    return scheduler


SCHEDULERS = {"scheduler_euler": euler, "scheduler_unipc": unipc, "scheduler_dpm": dpm}


def velocity(sample, timestep):
    return torch.sin(3 * sample) * (float(timestep) / 1000) + 0.1 * sample


def trajectory(scheduler, sample):
    """The sample after every step."""
    scheduler.set_begin_index(0)
    kept = []
    for timestep in scheduler.timesteps:
        sample = scheduler.step(velocity(sample, timestep), timestep, sample).prev_sample
        kept.append(sample)
    return torch.cat(kept)


def distilled_trajectory(sigmas, sample):
    kept = []
    for sigma, following in zip(sigmas[:-1], sigmas[1:], strict=True):
        v = velocity(sample, sigma * 1000)
        sample = sample - sigma * v + following * v
        kept.append(sample)
    return torch.cat(kept)


def make_case(kind, seed):
    runs = []
    case = Case(
        f"diffusers_{kind}_{seed}", kind,
        description="Schedule and trajectory at many numbers of steps and shifts.", runs=runs,
        model_output="v = sin(3 x) * (t / 1000) + 0.1 x, with t the timestep as listed")
    return case, runs, case.input("sample", (1, 16, 2, 4, 4), 1.7)


def add_run(case, runs, steps, shift, sigmas, timesteps, path, **more):
    kept = sorted({0, 1, 2, steps // 2, steps - 2, steps - 1} & set(range(steps)))
    runs.append({"steps": steps, "shift": shift, "kept_steps": kept, **more})
    name = f"{steps}_shift{shift:g}"
    case.add(f"output.sigmas_{name}", sigmas)
    case.add(f"output.timesteps_{name}", timesteps.float())
    case.add(f"output.trajectory_{name}", path[kept])


def diffusers_case(kind, seed):
    case, runs, sample = make_case(kind, seed)
    away = []
    for steps in STEPS:
        for shift in SHIFTS:
            scheduler = SCHEDULERS[kind](steps, shift, False)
            sigmas, timesteps = scheduler.sigmas.clone(), scheduler.timesteps.clone()
            path = trajectory(scheduler, sample)
            add_run(case, runs, steps, shift, sigmas, timesteps, path)
            if kind != "scheduler_euler" and (steps, shift) == (30, 5):
                other = trajectory(SCHEDULERS[kind](steps, shift, True), sample)
                away.append(relative_error(other[-1], path[-1]))
    note = "".join(f", with the default levels {error:.1e} away" for error in away)
    return case, f"{len(runs)} schedules{note}"


def distilled_case(number, seed):
    case, runs, sample = make_case("scheduler_distill", f"{number}_{seed}")
    steps = DISTILLED[number]
    for shift in SHIFTS:
        levels = shifted(torch.tensor(steps, dtype=torch.float64) / 1000, shift).float()
        sigmas = torch.cat([levels, torch.zeros(1)])
        add_run(
            case, runs, len(steps), shift, sigmas, levels * 1000,
            distilled_trajectory(sigmas, sample), denoising_step_list=steps)
    return case, f"{len(runs)} schedules of {steps}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1, help="part of the inputs' names")
    parser.add_argument("--only", choices=[*SCHEDULERS, "scheduler_distill"])
    options = parser.parse_args()
    cases = [(kind, lambda kind=kind: diffusers_case(kind, options.seed)) for kind in SCHEDULERS]
    cases += [
        ("scheduler_distill", lambda number=number: distilled_case(number, options.seed))
        for number in range(len(DISTILLED))]
    for kind, make in cases:
        if options.only in (None, kind):
            case, note = make()
            path = case.write(
                options.folder, 2e-4, 1e-4, **{
                    "output.timesteps*": (2e-4, 1e-6), "output.sigmas*": (1e-6, 1e-6)})
            print(f"{path}: {note}")


if __name__ == "__main__":
    main()
