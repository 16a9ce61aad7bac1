"""Writes the pictures that ffmpeg and OpenCV read from videos, for comparison with ours.

    python3 check_video.py FOLDER [VIDEO ...] [--frames 60]
    FLASHPORTRAIT_VIDEOS=FOLDER swift test -c release --filter VideoReferenceTests

Without videos it makes some with ffmpeg: codecs, containers, pixel formats, colours, turned,
stretched and interlaced ones. Beside each video `NAME` of constant frame rate it puts
`NAME.ffmpeg.bgr` and `NAME.opencv.bgr`: the first pictures, BGR, 8 bits, one after the other. The
test prints how far ours are from both, and how fast all of a video is read. OpenCV's differ more:
it lets swscale round coarsely, takes colour samples as lying between two pixels, stretches nothing
to square pixels and leaves fields as they are. Needs the program ffmpeg and opencv-python.
"""

import argparse
import pathlib
import shutil
import subprocess

import cv2

FLAGS = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
SOURCE = "testsrc2=s=320x240:r=25:d=1"
H264 = ["-c:v", "libx264", "-crf", "18"]
VIDEOS = {
    "h264.mp4": [*H264, "-pix_fmt", "yuv420p"],
    "h264_422.mkv": [*H264, "-pix_fmt", "yuv422p"],
    "h264_444.mp4": [*H264, "-pix_fmt", "yuv444p"],
    "h264_10.mp4": [*H264, "-pix_fmt", "yuv420p10le"],
    "h264_709.mp4": [*H264, "-vf", "scale=out_color_matrix=bt709,format=yuv420p",
                     "-colorspace", "bt709"],
    "h264_full.mp4": [*H264, "-vf", "scale=out_range=pc,format=yuv420p", "-color_range", "pc"],
    "hevc_10.mkv": ["-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt",
                    "yuv420p10le"],
    "vp9.webm": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-pix_fmt", "yuv420p"],
    "av1.mkv": ["-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime"],
    "prores.mov": ["-c:v", "prores"],
    "mjpeg.avi": ["-c:v", "mjpeg", "-q:v", "2"],
    "mpeg2.mpg": ["-c:v", "mpeg2video", "-q:v", "2"],
    "transport.ts": [*H264, "-pix_fmt", "yuv420p"],
    "raw.h264": [*H264, "-pix_fmt", "yuv420p"],
    "ffv1_odd.mkv": ["-vf", "scale=317:235,setsar=1", "-c:v", "ffv1", "-pix_fmt", "yuv420p"],
    "ffv1_rgb.mkv": ["-c:v", "ffv1", "-pix_fmt", "bgra"],
    "gray.mkv": ["-c:v", "ffv1", "-pix_fmt", "gray"],
    "animation.gif": ["-vf", "fps=10"],
    "stretched.mkv": ["-vf", "setsar=16/11", "-c:v", "ffv1"],
    "fields.mpg": ["-vf", "fps=50,interlace", "-c:v", "mpeg2video", "-flags", "+ildct+ilme",
                   "-q:v", "2"],
}


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True)


def make(folder):
    """The videos of this list, and copies of the first one that are shown turned."""
    for name, arguments in VIDEOS.items():
        ffmpeg("-f", "lavfi", "-i", SOURCE, *arguments, folder / name)
        yield folder / name
    for angle in (90, 180, 270):
        path = folder / f"turned_{angle}.mp4"
        ffmpeg("-i", folder / "h264.mp4", "-c", "copy", "-metadata:s:v", f"rotate={angle}", path)
        yield path


def entry(path, name):
    """What ffprobe says about the video's stream; empty where it is not known."""
    output = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", name, "-of",
         "default=noprint_wrappers=1:nokey=1", str(path)],
        check=True, capture_output=True, text=True).stdout.split()
    return output[0] if output else ""


TURNS = {0: "null", 90: "transpose=cclock", -90: "transpose=clock", 180: "hflip,vflip",
         -180: "hflip,vflip"}


def by_ffmpeg(path, frames):
    """Whole pictures of square pixels. Colour samples lie at the left unless the video says
    otherwise; turned after the conversion, since turned ones would lie elsewhere."""
    turn = TURNS[round(float(entry(path, "stream_side_data=rotation") or 0))]
    chroma = 128 if entry(path, "stream=chroma_location") == "center" else 0
    filters = (
        "bwdif=mode=send_frame:deint=interlaced,scale="
        "'if(gt(sar,1),round(iw*sar),iw)':'if(between(sar,0.001,0.999),round(ih/sar),ih)'"
        f":flags={FLAGS}:in_h_chr_pos={chroma}:sws_dither=none,format=bgr24,{turn}")
    ffmpeg("-noautorotate", "-i", path, "-frames:v", frames, "-fps_mode", "passthrough", "-vf",
           filters, "-f", "rawvideo", "-pix_fmt", "bgr24", f"{path}.ffmpeg.bgr")


def by_opencv(path, frames):
    capture = cv2.VideoCapture(str(path))
    with open(f"{path}.opencv.bgr", "wb") as file:
        for _ in range(frames):
            found, picture = capture.read()
            if not found:
                break
            file.write(picture.tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("videos", nargs="*", type=pathlib.Path)
    parser.add_argument("--frames", type=int, default=60)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.videos:
        videos = [arguments.folder / path.name for path in arguments.videos]
        for source, target in zip(arguments.videos, videos):
            shutil.copyfile(source, target)
    else:
        videos = make(arguments.folder)
    for path in videos:
        by_ffmpeg(path, arguments.frames)
        by_opencv(path, arguments.frames)
        print(path.name)


if __name__ == "__main__":
    main()
