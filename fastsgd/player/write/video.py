"""Pixels -> MP4 and WebP."""

import shutil
import subprocess
import tempfile

import matplotlib as mpl
from PIL import Image


def find_ffmpeg():
    "Find an ffmpeg to run: by matplotlib's setting, else imageio-ffmpeg's. Raises RuntimeError if there is none."
    found = shutil.which(mpl.rcParams['animation.ffmpeg_path'])
    if found: return found
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
        return get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        raise RuntimeError('a video needs ffmpeg, and none was found: install one with `pip install imageio-ffmpeg`, '
                           'put one on the path, or save as .html, .gif or .webp instead') from None


def write_video(
    path, # File to write
    frames, # Arrays (height, width, 4) of uint8
    interval: float, # Milliseconds from frame to frame
    loop: bool = True, # Not for a video to say
    *,
    ffmpeg: str, # The program, as `find_ffmpeg` returns it
    codec: str | None = None, # This and the next ones: as for matplotlib's `FFMpegWriter`
    bitrate: int | None = None,
    extra_args: list | None = None,
    metadata: dict | None = None
):
    "Write `frames` as a video. Raises RuntimeError with ffmpeg's words if it fails, ValueError if there are no frames."
    codec = codec or mpl.rcParams['animation.codec']
    codec = 'libx264' if codec == 'h264' else codec
    bitrate = mpl.rcParams['animation.bitrate'] if bitrate is None else bitrate
    args = ['-c:v', codec]
    # players want even sides and 4:2:0; a plot has flat colours and thin lines: tune for that
    if codec == 'libx264': args += ['-preset', 'veryfast', '-tune', 'animation', '-movflags', '+faststart']
    if bitrate > 0: args += ['-b:v', f'{bitrate}k']
    elif codec == 'libx264': args += ['-crf', '18']
    args += ['-pix_fmt', 'yuv420p', '-vf', 'pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white']
    for key, value in (metadata or {}).items(): args += ['-metadata', f'{key}={value}']
    args += list(extra_args or [])
    process, words = None, tempfile.TemporaryFile()
    try:
        for frame in frames:
            if process is None:
                size = f'{frame.shape[1]}x{frame.shape[0]}'
                command = [ffmpeg, '-hide_banner', '-loglevel', 'error', '-y', '-f', 'rawvideo', '-pix_fmt', 'rgba',
                           '-s', size, '-framerate', f'{1000 / interval:.6g}', '-i', 'pipe:', *args, str(path)]
                process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=words, stderr=words)
            process.stdin.write(frame.data)
        if process is None: raise ValueError('frames is empty: there is nothing to save')
        process.stdin.close()
        if process.wait() != 0: raise BrokenPipeError
    except BrokenPipeError:
        words.seek(0)
        raise RuntimeError(f"ffmpeg failed: {words.read().decode(errors='replace').strip()}") from None
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
        if process is not None and not process.stdin.closed:
            try: process.stdin.close()
            except BrokenPipeError: pass
        words.close()


def write_webp(path, frames, interval, loop=True):
    "Write `frames`, arrays (height, width, 4) of uint8, as an animated WebP, without loss"
    images = (to_image(frame) for frame in frames)
    first = next(images, None)
    if first is None: raise ValueError('frames is empty: there is nothing to save')
    with open(path, 'wb') as file: # Pillow would leave it open after an interrupt
        first.save(file, 'WEBP', save_all=True, append_images=images, duration=round(interval), loop=0 if loop else 1,
                   lossless=True, quality=20, method=2)


def to_image(frame):
    image = Image.fromarray(frame.copy())
    return image if frame[..., 3].min() < 255 else image.convert('RGB')
