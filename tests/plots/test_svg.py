"""The SVG translator."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from anabranch.ground.errors import ConfigError
from anabranch.plots import (
    draw_svg,
)
from anabranch.plots.canvas import blank_figure, page
from support.drawings import (
    FACE,
)


def sheet():
    return page(blank_figure(4.0, 2.0))


def test_shapes_land_where_the_view_box_says():
    body = '<circle cx="50" cy="50" r="50"/><rect width="20" height="10"/><line x1="0" y1="100" x2="100" y2="100"/>'
    circle, rectangle, line = draw_svg(sheet(), FACE.format(body), (2.0, 1.0), 1.0)
    np.testing.assert_allclose(circle.get_path().get_extents().extents, [1.5, 0.5, 2.5, 1.5], atol=1e-9)
    np.testing.assert_allclose(rectangle.get_path().get_extents().extents, [1.5, 1.4, 1.7, 1.5], atol=1e-9)
    np.testing.assert_allclose(line.get_path().vertices, [[1.5, 0.5], [2.5, 0.5]])


def test_a_wide_view_box_is_centred_and_keeps_its_shape():
    svg = '<svg viewBox="-10 -10 40 20"><polygon points="-10,-10 30,-10 30,10 -10 10"/></svg>'
    (box,) = draw_svg(sheet(), svg, (2.0, 1.0), 1.0)
    np.testing.assert_allclose(box.get_path().get_extents().extents, [1.5, 0.75, 2.5, 1.25])


def test_paths_absolute_and_relative_are_the_same():
    absolute = '<path d="M10 20 L30 20 H40 V50 Q50 60 60 50 C60 40 70 40 70 50 Z"/>'
    relative = '<path d="m10,20 l20 0h10v30q10 10 20 0c0-10 10-10 10 0z"/>'
    one, other = (draw_svg(sheet(), FACE.format(path), (2.0, 1.0), 1.0)[0].get_path() for path in (absolute, relative))
    np.testing.assert_allclose(one.vertices, other.vertices)
    assert one.codes.tolist() == other.codes.tolist() == [1, 2, 2, 2, 3, 3, 4, 4, 4, 79]
    np.testing.assert_allclose(one.vertices[:2], [[1.6, 1.3], [1.8, 1.3]])


def test_groups_hand_down_paint_and_line_widths_scale():
    body = '<g fill="none" stroke="#3d3a36" stroke-width="5" stroke-linecap="round"><path d="M0 0L9 9"/>{}</g>'
    own = '<g opacity="0.5"><ellipse rx="4" ry="2" fill="#ff0000" stroke-width="10" opacity=".5"/></g>'
    stroke, ellipse = draw_svg(sheet(), FACE.format(body.format(own)), (2.0, 1.0), 1.0)
    assert stroke.get_facecolor()[3] == 0
    assert to_hex(stroke.get_edgecolor()) == "#3d3a36"
    assert stroke.get_capstyle() == "round"
    assert stroke.get_linewidth() == pytest.approx(5 / 100 * 72)
    assert ellipse.get_linewidth() == pytest.approx(10 / 100 * 72)
    assert ellipse.get_facecolor() == pytest.approx((1, 0, 0, 0.25))


def test_text_stands_at_its_anchor_and_dollars_are_no_mathematics():
    body = '<text x="50" y="25" font-size="10" text-anchor="middle">$a_1$</text>'
    (text,) = draw_svg(sheet(), FACE.format(body), (2.0, 1.0), 1.0)
    assert text.get_position() == pytest.approx((2.0, 1.25))
    assert text.get_horizontalalignment() == "center"
    assert text.get_fontsize() == pytest.approx(7.2)
    assert text.get_text() == "$a_1$"
    assert not text.get_parse_math()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("<image/>", "<image> cannot be drawn"),
        ("<g><use/></g>", "<use> cannot be drawn"),
        ('<circle r="3" transform="scale(2)"/>', "'transform' of <circle>"),
        ('<path d="M0 0A1 1 0 0 0 2 2"/>', "path command A cannot be drawn"),
        ('<path d="L3 3"/>', "must begin with M"),
        ('<path d="M1 2 3"/>', "takes 2 numbers at a time; given 3"),
        ('<circle r="half"/>', "r='half' of <circle> is not a plain number"),
        ('<circle r="1" fill="url(#a)"/>', r"colour fill='url\(#a\)' is unknown"),
        ('<circle r="1" stroke-width="thick"/>', "stroke-width='thick'"),
        ('<polyline points="1 2"/>', "two pairs at least"),
        ("<text>a<tspan/></text>", "<tspan> inside <text>"),
        ("<circle>", "not well-formed"),
    ],
)
def test_what_cannot_be_drawn_is_named(body, sentence):
    with pytest.raises(ConfigError, match=sentence):
        draw_svg(sheet(), FACE.format(body), (2.0, 1.0), 1.0)


def test_entities_and_other_documents_are_refused():
    for svg in ('<!DOCTYPE svg [<!ENTITY a "b">]><svg viewBox="0 0 1 1"/>', "<html/>", "<svg/>"):
        with pytest.raises(ConfigError):
            draw_svg(sheet(), svg, (2.0, 1.0), 1.0)
