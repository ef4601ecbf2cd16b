"""Pixels -> MP4 and WebP."""

import os
import shutil
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from PIL import Image

# What the containers take that know no H.264, with a quality that keeps lines sharp
CODECS = {'.webm': 'libvpx-vp9', '.ogv': 'libtheora'}
QUALITY = {'libvpx-vp9': ['-crf', '24', '-b:v', '0', '-deadline', 'realtime', '-cpu-used', '5'],
           'libtheora': ['-q:v', '9']}
PATIENCE = 60 # seconds that ffmpeg may take without any progress


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


def arguments(path, codec, bitrate, extra_args, metadata) -> list:
    "Say to ffmpeg how to write the file at `path`"
    codec = codec or mpl.rcParams['animation.codec']
    if codec == 'h264': codec = CODECS.get(Path(path).suffix.lower(), 'libx264')
    bitrate = mpl.rcParams['animation.bitrate'] if bitrate is None else bitrate
    args = ['-c:v', codec]
    # players want even sides and 4:2:0; a plot has flat colours and thin lines: tune for that
    if codec == 'libx264': args += ['-preset', 'veryfast', '-tune', 'animation', '-movflags', '+faststart']
    if bitrate > 0: args += ['-b:v', f'{bitrate}k']
    elif codec == 'libx264': args += ['-crf', '18']
    else: args += QUALITY.get(codec, [])
    args += ['-pix_fmt', 'yuv420p', '-vf', 'pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white']
    for key, value in (metadata or {}).items(): args += ['-metadata', f'{key}={value}']
    return [*args, *(extra_args or [])]


def write_video(
    path, # File to write
    frames, # Arrays (height, width, 4) of uint8
    interval: float, # Milliseconds from frame to frame
    loop: bool = True, # Not for a video to say
    *,
    pause: float = 0, # Milliseconds that the last frame is held
    ffmpeg: str, # The program, as `find_ffmpeg` returns it
    codec: str | None = None, # This and the next ones: as for matplotlib's `FFMpegWriter`
    bitrate: int | None = None,
    extra_args: list | None = None,
    metadata: dict | None = None
):
    "Write `frames` as a video. Raises RuntimeError with ffmpeg's words if it fails, ValueError if there are no frames."
    settings = arguments(path, codec, bitrate, extra_args, metadata)
    process, words = None, tempfile.TemporaryFile()
    try:
        for frame in frames:
            if process is None:
                size = f'{frame.shape[1]}x{frame.shape[0]}'
                command = [ffmpeg, '-hide_banner', '-loglevel', 'error', '-xerror', '-y', '-f', 'rawvideo',
                           '-pix_fmt', 'rgba', '-s', size, '-framerate', f'{1000 / interval:.6g}', '-i', 'pipe:',
                           *settings, str(path)]
                process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=words, stderr=words)
            with time_limit(process): process.stdin.write(frame.data)
        if process is None: raise ValueError('frames is empty: there is nothing to save')
        for _ in range(round(pause / interval)):
            with time_limit(process): process.stdin.write(frame.data)
        with time_limit(process): process.stdin.close()
        # ffmpeg 5 ends with status 0 on a full disk: what counts is that it had nothing to say
        if await_end(process, path) != 0 or os.fstat(words.fileno()).st_size: raise BrokenPipeError
        check_video(path, ffmpeg)
    except BrokenPipeError:
        words.seek(0)
        said = words.read().decode(errors='replace').strip()
        raise RuntimeError(f'ffmpeg failed: {said or "it ended without a word, or made no progress"}') from None
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
        if process is not None and not process.stdin.closed:
            try: process.stdin.close()
            except BrokenPipeError: pass
        words.close()


@contextmanager
def naming(path, part):
    "Where ffmpeg fails, name the file at `path`, which the one at `part` was to become"
    try: yield
    except (RuntimeError, subprocess.CalledProcessError) as e:
        said = str(e).replace(str(part), str(path))
        if isinstance(e, subprocess.CalledProcessError): said = f'ffmpeg failed: it ended with status {e.returncode}'
        elif not said.startswith('ffmpeg failed'): raise
        raise RuntimeError(said if str(path) in said else f'{said} (writing {path})') from None


@contextmanager
def time_limit(process):
    "End `process` if what is done here takes too long"
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    try: yield
    finally: timer.cancel()


def await_end(process, path) -> int:
    "Wait as long as the file at `path` grows; return the status of `process`"
    size = -1
    while True:
        try: return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            if size == (size := Path(path).stat().st_size):
                raise RuntimeError(f'ffmpeg failed: it made no progress for {PATIENCE} s') from None


def check_video(path, ffmpeg):
    "Raise RuntimeError unless the file holds a video that can be read to its end"
    command = [ffmpeg, '-hide_banner', '-loglevel', 'error', '-xerror', '-i', str(path), '-map', '0:v', '-c', 'copy',
               '-f', 'null', '-']
    try: done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired: said = 'it takes too long'
    else: said = done.stderr.decode(errors='replace').strip() or ('' if not done.returncode else 'no reason was given')
    if not Path(path).stat().st_size: said = 'it is empty'
    if said: raise RuntimeError(f'ffmpeg failed: the file that it wrote cannot be read: {said}')


def write_webp(path, frames, interval, loop=True, pause=0):
    "Write `frames`, arrays (height, width, 4) of uint8, as an animated WebP, without loss"
    waits = []
    def images():
        last = None
        for frame in frames:
            if last is not None: yield last
            waits.append(round(interval)) # Pillow looks when it has written the picture
            last = to_image(frame)
        if last is None: raise ValueError('frames is empty: there is nothing to save')
        waits[-1] += round(pause)
        yield last
    pictures = images()
    with open(path, 'wb') as file: # Pillow would leave it open after an interrupt
        next(pictures).save(file, 'WEBP', save_all=True, append_images=pictures, duration=waits, loop=0 if loop else 1,
                            lossless=True, quality=20, method=2)


def to_image(frame):
    image = Image.fromarray(frame.copy())
    return image if frame[..., 3].min() < 255 else image.convert('RGB')
