import Checkpoints
import TensorCore

/// Everything that `doctor` tells.
struct DoctorReport: Encodable {
  struct File: Encodable {
    let path: String
    let purpose: String
    let need: String
    let state: String
    let bytes: Int
    let network: String?
    let missingTensors: Int
    let tensorsFromBase: Int
    let problem: String?

    init(_ file: CheckpointFolder.File) {
      path = file.location
      purpose = file.item.purpose
      need = file.item.need.rawValue
      state = file.state.rawValue
      bytes = file.byteCount
      network = file.network?.kind.rawValue
      missingTensors = (file.network?.missing.count ?? 0) - file.tensorsFromBase
      tensorsFromBase = file.tensorsFromBase
      problem = file.problem
    }
  }

  struct Folder: Encodable {
    let path: String
    let complete: Bool
    let files: [File]

    init(_ folder: CheckpointFolder) {
      path = folder.path
      complete = folder.obstacles.isEmpty
      files = folder.files.map(File.init)
    }
  }

  let version: String
  let machine: MachineReport
  let checkpoints: Folder?
  let job: JobNeeds
  let notes: [String]

  init(machine: MachineReport, folder: CheckpointFolder?) {
    version = FlashPortraitCommand.configuration.version
    self.machine = machine
    checkpoints = folder.map(Folder.init)
    job = JobNeeds(folder: folder, usableMemory: machine.memory.usable)
    notes = Self.notes(machine, folder)
  }

  /// What a user may want to change.
  private static func notes(_ machine: MachineReport, _ folder: CheckpointFolder?) -> [String] {
    var notes: [String] = []
    if machine.instructionSet != machine.instructionSets.last {
      notes.append(
        "FLASHPORTRAIT_ISA holds the kernels at \(machine.instructionSet); "
          + "without it they run at \(machine.instructionSets.last ?? "generic")")
    }
    if machine.instructionSet == InstructionSet.generic.rawValue {
      notes.append("only the portable kernels run: jobs will be very slow")
    }
    if machine.memory.hugePages == "never" {
      notes.append(
        "huge pages are off: 'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled' "
          + "makes large jobs faster")
    }
    for disk in machine.disks where ["tmpfs", "ramfs"].contains(disk.fileSystem) {
      notes.append("\(disk.path) (\(disk.use)) lies in memory: large files there take it away")
    }
    if let folder, !folder.obstacles.isEmpty {
      notes.append(
        "\(folder.path): \(formatCount(folder.obstacles.count, "file")) that a job needs "
          + "must be added or replaced")
    }
    return notes
  }
}

extension DoctorReport {
  /// The report for people.
  var lines: [String] {
    var lines = ["flashportrait \(version)", ""]
    lines += section("Processor", processorRows)
    lines += section("Kernels", machine.kernels.map { [$0.topic, $0.level] })
    lines += section("Memory", memoryRows)
    lines += section(
      "Disk",
      machine.disks.map { disk in
        [
          disk.use,
          "\(formatBytes(disk.available)) free of \(formatBytes(disk.total)), "
            + "\(disk.fileSystem), \(disk.path)",
        ]
      })
    lines += section(
      "Software",
      [["kernel", machine.kernel], ["C library", machine.libc]]
        + [["OpenBLAS", machine.openblas]])
    if let checkpoints { lines += folderLines(checkpoints) }
    lines += section(
      job.measured ? "Weights of a job" : "Weights of a job (published 14B checkpoints)",
      job.modes.map {
        [$0.mode, "\(formatBytes($0.bytes))  \($0.fits ? "fits" : "does not fit")", $0.meaning]
      })
    lines += notes.isEmpty ? ["No problems found."] : ["Notes"] + notes.map { "  " + $0 }
    return lines
  }

  private func section(_ title: String, _ rows: [[String]]) -> [String] {
    var table = TextTable([.left, .left, .left], indent: "  ")
    for row in rows { table.add(row) }
    return [title] + table.lines + [""]
  }

  private var processorRows: [[String]] {
    let cores = machine.cores
    let quota = cores.quota.map { ", quota \(String(format: "%.1f", $0))" } ?? ""
    let caches = machine.caches.map { cache in
      let shared = cache.sharedBy > 1 ? " shared by \(cache.sharedBy)" : ""
      return "L\(cache.level) \(cache.kind.lowercased()) \(formatBinary(cache.bytes))\(shared)"
    }
    return [
      ["name", machine.processor.isEmpty ? "not told" : machine.processor],
      ["architecture", machine.architecture],
      [
        "features",
        machine.features.isEmpty ? "none used" : machine.features.joined(separator: ", "),
      ],
      ["kernel level", levelText],
      ["cores", "\(cores.physical) physical, \(cores.logical) logical\(quota)"],
      ["threads", "\(cores.threads)"],
      ["caches", caches.isEmpty ? "not told" : caches.joined(separator: ", ")],
    ]
  }

  private var levelText: String {
    let others = machine.instructionSets.filter { $0 != machine.instructionSet }
    let list = others.isEmpty ? "" : " (also here: \(others.joined(separator: ", ")))"
    return machine.instructionSet + list
  }

  private var memoryRows: [[String]] {
    let memory = machine.memory
    var rows = [
      ["total", formatBytes(memory.total)],
      ["available", formatBytes(memory.available)],
    ]
    if let limit = memory.controlGroupLimit {
      rows.append(["control group", "limit \(formatBytes(limit))"])
    }
    rows.append(["for a job", formatBytes(memory.usable)])
    rows.append(["huge pages", memory.hugePages ?? "not told"])
    return rows
  }

  private func folderLines(_ folder: Folder) -> [String] {
    let title =
      folder.complete
      ? "Checkpoints in \(folder.path): complete" : "Checkpoints in \(folder.path): NOT complete"
    var table = TextTable([.left, .left, .right, .left], indent: "  ")
    for file in folder.files {
      let size = file.state == "missing" ? "" : formatBytes(file.bytes)
      let need = CheckpointLayout.Need(rawValue: file.need)?.description ?? file.need
      let rest =
        file.tensorsFromBase > 0
        ? "; \(formatCount(file.tensorsFromBase, "tensor")) from the base" : ""
      table.add(file.state, file.path, size, file.problem ?? "\(file.purpose), \(need)\(rest)")
    }
    return [title] + table.lines + [""]
  }
}
