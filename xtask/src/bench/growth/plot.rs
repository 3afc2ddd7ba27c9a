//! The curves as one SVG: CPU seconds over size, both logarithmic, each relative to its smallest size; a dashed line is
//! what linear growth would be.

use std::fmt::Write as _;

use super::Curve;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 50.0;
const COLOURS: [&str; 4] = ["#1b6ca8", "#c2571a", "#3a7d44", "#7a3e9d"];

pub(super) fn svg(curves: &[Curve]) -> String {
    let relative: Vec<Vec<(f64, f64)>> = curves.iter().map(relative).collect();
    let frame = Frame::of(&relative);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
    );
    frame.axes(&mut svg);
    for (i, (curve, points)) in curves.iter().zip(&relative).enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        let line: Vec<String> = points
            .iter()
            .map(|(size, cost)| format!("{:.1} {:.1}", frame.x(*size), frame.y(*cost)))
            .collect();
        let path = line.join("L");
        let (left, top) = (LEFT + 12.0, 36.0 + 16.0 * i as f64);
        // Writing to a String never fails.
        let _ = writeln!(svg, "<path d=\"M{path}\" stroke=\"{colour}\" stroke-width=\"2\" fill=\"none\"/>");
        let _ = writeln!(svg, "<text x=\"{left:.1}\" y=\"{top:.1}\" fill=\"{colour}\">{}</text>", curve.name);
    }
    svg + "</svg>\n"
}

/// The decades that the axes span.
struct Frame {
    wide: f64,
    high: f64,
}

impl Frame {
    fn of(points: &[Vec<(f64, f64)>]) -> Frame {
        let decades = |value: f64| value.log10().ceil().max(1.0);
        let all = || points.iter().flatten();
        Frame {
            wide: decades(all().map(|(size, _)| *size).fold(1.0, f64::max)),
            high: decades(all().map(|(_, cost)| *cost).fold(1.0, f64::max)),
        }
    }

    fn x(&self, factor: f64) -> f64 {
        LEFT + factor.max(1.0).log10() / self.wide * (WIDTH - LEFT - 20.0)
    }

    fn y(&self, factor: f64) -> f64 {
        HEIGHT - BOTTOM - factor.max(0.5).log10() / self.high * (HEIGHT - BOTTOM - 20.0)
    }

    /// A line at each decade, the dashed line of linear growth, and what the axes show.
    fn axes(&self, svg: &mut String) {
        let (right, floor) = (WIDTH - 20.0, HEIGHT - BOTTOM);
        for decade in 0..=self.wide as i32 {
            let (at, word) = (self.x(10f64.powi(decade)), 10u64.pow(decade as u32));
            let _ = writeln!(svg, "<path d=\"M{at:.1} 20V{floor:.1}\" stroke=\"#ddd\"/>");
            let _ = writeln!(
                svg,
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">×{word}</text>",
                floor + 18.0
            );
        }
        for decade in 0..=self.high as i32 {
            let (at, word) = (self.y(10f64.powi(decade)), 10u64.pow(decade as u32));
            let _ = writeln!(svg, "<path d=\"M{LEFT} {at:.1}H{right:.1}\" stroke=\"#ddd\"/>");
            let _ = writeln!(svg, "<text x=\"54\" y=\"{:.1}\" text-anchor=\"end\">×{word}</text>", at + 4.0);
        }
        let end = 10f64.powf(self.wide.min(self.high));
        let (x, y) = (self.x(end), self.y(end));
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {floor:.1}L{x:.1} {y:.1}\" stroke=\"#888\" stroke-dasharray=\"4 4\" fill=\"none\"/>"
        );
        let _ =
            writeln!(svg, "<text x=\"340\" y=\"{:.1}\" text-anchor=\"middle\">size</text>", HEIGHT - 12.0);
        let _ = writeln!(
            svg,
            "<text x=\"14\" y=\"200\" transform=\"rotate(-90 14 200)\" text-anchor=\"middle\">CPU time</text>"
        );
    }
}

/// Sizes and CPU times as multiples of the first.
fn relative(curve: &Curve) -> Vec<(f64, f64)> {
    let Some((size, taken)) = curve.points.first() else { return Vec::new() };
    let (size, cpu) = (*size as f64, taken.cpu);
    curve.points.iter().map(|(s, t)| (*s as f64 / size, t.cpu / cpu)).collect()
}
