"""A figure and its update function -> one SVG drawing, whose changing parts are written frame by frame."""

import uuid

from matplotlib import _path
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.colors import rgb2hex
from matplotlib.transforms import Affine2D

from ..drawing import ChangingText, Drawing
from .alone import settings_alone
from .letters import LetterByLetter
from .pictures import PIXELS, as_it_is, fitted
from .scene import Scene, drawing, drawn_parts, hooked
from .tidy import Tidy
from .values import Values

# Text as paths: crisp, and the same on every machine. Images apart, as each may be one that changes.
RC = {'svg.fonttype': 'path', 'svg.image_inline': True, 'image.composite_image': False}
PRECISION = 2 # digits after the point, in units of 1/72 inch: 1/100 of that is not seen at ten times the size
UPSIDE_DOWN = Affine2D().scale(1, -1)


class Tape:
    "What the renderer writes to; `cut` hands out what came since the last cut"
    def __init__(self): self.pieces = []
    def write(self, text): self.pieces.append(text)

    def cut(self):
        text, self.pieces = ''.join(self.pieces), []
        return text


class PartRenderer(RendererSVG):
    "Matplotlib's SVG renderer; it writes no groups (thus no ids of users), no comments, and shorter numbers"
    def __init__(self, width, height, image_dpi, tidy, spelling, images):
        self.tape, self.tidy, self.spelling, self.images, self.smooth = Tape(), tidy, spelling, images, False
        self._flip = Affine2D().scale(1, -1).translate(0, height)
        super().__init__(width, height, self.tape, image_dpi=image_dpi)
        self._text2path = LetterByLetter()
        self._close_tag, self.writer.comment = self.writer.comment, lambda text: None
        self.cut()

    def open_group(self, s, gid=None): pass
    def close_group(self, s): pass

    def cut(self):
        "Hand out all that was drawn since the last cut"
        self._flush()
        return self.tape.cut()

    def _make_flip_transform(self, transform): return transform + self._flip

    def _flush(self):
        "Close the tag that the writer leaves open until the next one comes"
        self._close_tag('')
        while not self.tape.pieces[-1].startswith('<!--'): self.tape.pieces.pop()
        self.tape.pieces.pop()

    def _convert_path(self, path, transform=None, clip=None, simplify=None, sketch=None):
        box = (0.0, 0.0, self.width, self.height) if clip else None
        data = _path.convert_to_string(path, transform, box, simplify, sketch, PRECISION,
                                       [b'M', b'L', b'Q', b'C', b'z'], False)
        return data.replace(b' \nL ', b'L').replace(b'\n', b'').replace(b'M ', b'M').decode('ascii').strip()

    def draw_markers(self, gc, marker_path, marker_trans, path, trans, rgbFace=None):
        "Say the look of the markers once, and not once a marker"
        if path.codes is not None or gc.get_url() is not None:
            return super().draw_markers(gc, marker_path, marker_trans, path, trans, rgbFace)
        places = self._make_flip_transform(trans).transform(path.vertices)
        inside = ((places >= 0) & (places <= (self.width * 72, self.height * 72))).all(axis=1) # nor NaN
        if not inside.any(): return
        look = self._get_style(gc, rgbFace)
        key = data, look = self._convert_path(marker_path, marker_trans + UPSIDE_DOWN, simplify=False), look
        if key not in self._markers:
            self._markers[key] = self._make_id('m', key)
            self.writer.start('defs')
            self.writer.element('path', id=self._markers[key], d=data)
            self.writer.end('defs')
        self._flush()
        clip = self._get_clip_attrs(gc)
        clip = f' clip-path="{clip["clip-path"]}"' if clip else ''
        use = f'<use href="#{self.tidy.id(self._markers[key])}"'
        marks = ''.join([f'{use} x="{x:.{PRECISION}f}" y="{y:.{PRECISION}f}"/>' for x, y in places[inside].tolist()])
        self.tape.write(f'<g{clip} style="{look}">{marks}</g>')

    def draw_image(self, gc, x, y, im, transform=None):
        "Keep the pixels apart, and say in the text which image it is, and where"
        if not im.size: return
        look = {}
        if transform is not None:
            im = fitted(im, transform, self.image_dpi)
            look = {} if self.smooth else {'style': PIXELS}
            if gc.get_alpha() != 1: look['opacity'] = f'{gc.get_alpha():.3g}'
        height, width = im.shape[:2]
        place = Affine2D().scale(72 / self.image_dpi) if transform is None else (
            Affine2D().scale(1 / width, 1 / height) + transform)
        matrix = self._make_flip_transform(place + Affine2D().translate(x, y)).get_affine().to_values()
        clip, url = self._get_clip_attrs(gc), gc.get_url()
        if clip: self.writer.start('g', **clip) # not of the image, which has a transform of its own
        if url is not None: self.writer.start('a', attrib={'xlink:href': url, 'target': '_blank'})
        self.writer.element('image', width=f'{width}', height=f'{height}', attrib={
            'xlink:href': self.images.add(im), 'transform': f'matrix({" ".join(f"{v:.6g}" for v in matrix)})', **look})
        if url is not None: self.writer.end('a')
        if clip: self.writer.end('g')

    def _draw_text_as_path(self, gc, x, y, s, prop, angle, ismath, mtext=None):
        "Write a line of text letter by letter, where that is possible"
        shaped = ismath or any(getattr(mtext, f'get_{name}', lambda: None)() for name in ('fontfeatures', 'language'))
        line = None if shaped else self._text2path.line(s, prop, self._glyph_map)
        if line is None: return super()._draw_text_as_path(gc, x, y, s, prop, angle, ismath, mtext)
        letters, new = line
        self._update_glyph_map_defs(new)
        self._flush()
        alpha = gc.get_alpha() if gc.get_forced_alpha() else gc.get_rgb()[3]
        style = f' style="fill:{rgb2hex(gc.get_rgb())}"' if any(gc.get_rgb()[:3]) else ''
        style += f' opacity="{alpha:.3g}"' if alpha != 1 else ''
        turn = f' rotate({-angle:.6g})' if angle else ''
        scale = prop.get_size_in_points() / self._text2path.FONT_SCALE
        number = {name: int(self.tidy.id(name)[1:]) for name, _ in letters}
        line = self.spelling.write([(number[name], at) for name, at in letters])
        place = f'translate({x:.2f} {y:.2f}){turn} scale({scale:g} {-scale:g})'
        self.tape.write(f'<g{style} transform="{place}">{line}</g>')

    def draw_path_collection(self, gc, *args, **kwargs):
        "Clip the collection once, instead of each of its paths"
        clip = self._get_clip_attrs(gc)
        self._path_collection_id = 0 # ids then depend on the contents alone: equal ones are kept once
        if not clip: return super().draw_path_collection(gc, *args, **kwargs)
        inner = self.new_gc()
        inner.copy_properties(gc)
        inner._cliprect, inner._clippath = None, None
        self.writer.start('g', **clip)
        super().draw_path_collection(inner, *args, **kwargs)
        self.writer.end('g')


def draw_svg(
    figure, # A matplotlib `Figure`
    func, # `func(frame)` updates the figure and returns the artists that it changed, or None
    frames, # Iterable of what `func` takes
    tick=None # `tick(i)` is called when frame i is drawn
) -> Drawing:
    "Draw all frames, and what does not change only once. Raises ValueError if there are no frames."
    width, height = figure.get_size_inches() * 72
    result = Drawing(width, height, figure.dpi)
    with settings_alone({**RC, 'svg.hashsalt': uuid.uuid4().hex}), drawing(figure, 72):
        camera = Camera(figure, result.dpi, result.spelling, result.images)
        for i, frame in enumerate(frames):
            camera.shoot(i, func(frame))
            if tick: tick(i)
            result.n_frames = i + 1
        if not result.n_frames: raise ValueError('frames is empty: there is nothing to draw')
        result.defs, result.parts = camera.develop()
        result.images.gather(result.parts)
        size = result.images.size() + sum(part.size() for part in result.parts)
        result.values = camera.values.written(result.n_frames, size)
    return result


class Camera:
    "Keep the parts of the figure as SVG texts, and draw again those that a frame changed"
    def __init__(self, figure, dpi, spelling, images):
        self.figure, self.scene = figure, None
        w, h = figure.get_size_inches()
        self.tidy = Tidy()
        self.vector = PartRenderer(w * 72, h * 72, dpi, self.tidy, spelling, images)
        self.renderer = MixedModeRenderer(figure, w, h, dpi, self.vector)
        self.order, self.parts, self.slot, self.values = [], [], {}, Values(figure)

    def shoot(self, i, returned):
        "Draw frame `i` after an update that returned `returned`"
        changed = None if self.scene is None else self.scene.changed(returned)
        if changed is None: return self.shoot_whole(i)
        if not changed: return
        changed = self.scene.place_titles_and_legends(changed, self.renderer)
        for part in changed:
            if part not in self.slot: continue # not drawn: its axes are invisible, say
            with as_it_is(part, self.vector): part.draw(self.renderer)
            self.parts[self.slot[part]].append(i, self.cut())
        self.values.read(i, changed)
        self.scene.drawn(changed)

    def shoot_whole(self, i):
        "Draw everything, part by part"
        shots = []

        def hook(part, draw, renderer):
            shots.append((None, self.cut())) # what axes draw between their parts
            with as_it_is(part, self.vector): draw(renderer)
            shots.append((part, self.cut()))
        with hooked(list(drawn_parts(self.figure)), hook): self.figure.draw(self.renderer)
        shots.append((None, self.cut()))
        self.scene = Scene(self.figure)
        self.values.read(i)
        order = [type(part) for part, _ in shots]
        if i == 0: self.parts, self.order = [ChangingText() for _ in shots], order
        if order != self.order: return self.give_up(i, shots)
        for history, (_, text) in zip(self.parts, shots): history.append(i, text)
        self.slot = {part: k for k, (part, _) in enumerate(shots) if part is not None}

    def give_up(self, i, shots):
        "Artists came or went: from now on, keep the picture as one part. What two frames share is still stored once."
        whole, joined = ChangingText(), merged(self.parts)
        if self.order != [None]:
            for frame, text in joined: whole.append(frame, text)
            self.order, self.parts = [None], [whole]
        self.parts[0].append(i, ''.join(text for _, text in shots))
        self.slot, self.scene = {}, None

    def cut(self):
        "Hand out the text of what was drawn since the last cut, without its definitions"
        if self.renderer._raster_renderer is not None: # rasterized artists wait for the next to come
            self.renderer.stop_rasterizing()
            self.renderer._rasterizing = False
        return self.tidy(self.vector.cut())

    def develop(self):
        "Hand out definitions and parts"
        self.vector.finalize()
        self.tidy(self.vector.tape.cut())
        return ''.join(self.tidy.defs.values()), self.parts


def merged(parts):
    "Yield each `(frame, text)` of the whole picture that `parts` make up"
    shown, changes = [''] * len(parts), {}
    for k, part in enumerate(parts):
        for frame, text in part.texts(): changes.setdefault(frame, []).append((k, text))
    for frame in sorted(changes):
        for k, text in changes[frame]: shown[k] = text
        yield frame, ''.join(shown)
