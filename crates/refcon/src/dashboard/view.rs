//! The dashboard's picture of a training.

use super::standing::{Curve, Standing};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Cell, Chart, Dataset, Gauge, GraphType, Paragraph, Row, Table};
use refcon_image::figure::{is_wide, widened};
use std::time::{Duration, Instant};

/// Rows of messages, and the least height that charts are worth.
const MESSAGES: u16 = 3;
const LEAST_CHART: u16 = 7;

const LOSS: Color = Color::Cyan;
const MEASURE: Color = Color::Green;

/// Draws everything; what does not fit is left out, the charts first.
pub(crate) fn draw(frame: &mut Frame, standing: &Standing, now: Instant) {
    let table = standing.measures.len() as u16 + 2;
    let fixed = 2 + table + MESSAGES + 1;
    let charts = frame.area().height.saturating_sub(fixed);
    let charts = if charts < LEAST_CHART { 0 } else { charts };
    let [head, progress, curves, numbers, messages, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(charts),
        Constraint::Length(table),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let title =
        vec![Span::styled(standing.folder.as_str(), bold), Span::raw("  "), Span::raw(&standing.about)];
    frame.render_widget(Line::from(title), head);
    draw_progress(frame, standing, now, progress);
    if charts > 0 {
        let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(curves);
        draw_curve(frame, &format!("loss {}", number(standing.last_loss)), &standing.loss, LOSS, left);
        match standing.measures.iter().find(|measure| measure.name == standing.decisive.measure) {
            Some(decisive) => {
                let title = format!("{} {}", short(&decisive.name), number(decisive.last));
                draw_curve(frame, &title, &decisive.curve, MEASURE, right);
            }
            None => draw_curve(
                frame,
                &format!("{} –", short(&standing.decisive.measure)),
                &Curve::default(),
                MEASURE,
                right,
            ),
        }
    }
    frame.render_widget(table_of(standing), numbers);
    let first = standing.messages.len().saturating_sub(messages.height.into());
    let lines: Vec<Line> =
        standing.messages.iter().skip(first).map(|text| Line::from(text.as_str())).collect();
    frame.render_widget(Paragraph::new(lines).style(Color::Yellow), messages);
    let keys = if standing.stopping {
        "stopping after this step; once more to stop at once"
    } else {
        "q or Ctrl-C: stop after this step and keep everything"
    };
    frame.render_widget(Line::styled(keys, Style::new().add_modifier(Modifier::DIM)), foot);
}

fn draw_progress(frame: &mut Frame, standing: &Standing, now: Instant, area: Rect) {
    let (step, of) = standing.steps;
    let (epoch, epochs) = standing.epochs;
    let rate = standing.rate().map_or(String::new(), |rate| format!(", {} a second", short_rate(rate)));
    let left = standing.left(now).map_or(String::new(), |left| format!(", {} left", told(left)));
    let label = match of {
        0 => "beginning …".to_owned(),
        _ => format!(
            "epoch {epoch}/{}, step {step}/{of}{rate}, {} so far{left}",
            epochs.max(epoch),
            told(standing.elapsed(now))
        ),
    };
    let ratio = (step as f64 / of.max(1) as f64).clamp(0.0, 1.0);
    let gauge = Gauge::default().ratio(ratio).label(label).use_unicode(true);
    frame.render_widget(gauge.gauge_style(Style::new().fg(Color::Blue).bg(Color::Black)), area);
}

fn draw_curve(frame: &mut Frame, title: &str, curve: &Curve, colour: Color, area: Rect) {
    let block = Block::bordered().title(format!(" {title} "));
    let values = || curve.points.iter().map(|point| point.1);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if low > high {
        frame.render_widget(block, area);
        return;
    }
    let logarithmic = is_wide([low, high]);
    let scaled = |value: f64| if logarithmic { value.log10() } else { value };
    let points: Vec<(f64, f64)> = curve.points.iter().map(|point| (point.0, scaled(point.1))).collect();
    let range = widened([low, high]);
    let bounds = range.map(scaled);
    let steps = [points.first().map_or(0.0, |point| point.0), points.last().map_or(1.0, |point| point.0)];
    let steps = [steps[0], steps[1].max(steps[0] + 1.0)];
    let labels = range.map(number);
    let graph = if points.len() > 1 { GraphType::Line } else { GraphType::Scatter };
    let line = Dataset::default().marker(Marker::Braille).graph_type(graph).style(colour).data(&points);
    let soft = Style::new().add_modifier(Modifier::DIM);
    let x = Axis::default().bounds(steps).labels(steps.map(|step| format!("{step:.0}"))).style(soft);
    let y = Axis::default().bounds(bounds).labels(labels).style(soft);
    frame.render_widget(Chart::new(vec![line]).block(block).x_axis(x).y_axis(y), area);
}

fn table_of(standing: &Standing) -> Table<'_> {
    let numbers = format!(
        "learning rate {}   loss of the last epoch {}",
        if standing.learning_rate.is_finite() {
            format!("{:.2e}", standing.learning_rate)
        } else {
            "–".into()
        },
        standing.epoch_loss.map_or("–".into(), number)
    );
    let soft = Style::new().add_modifier(Modifier::DIM);
    let rows = standing.measures.iter().map(|measure| {
        let decides = measure.name == standing.decisive.measure;
        let (best, note) = measure.best.map_or_else(Default::default, |(best, step)| {
            let note =
                standing.best_step.map_or(format!("at step {step}"), |step| format!("at step {step}, kept"));
            (number(best), note)
        });
        let style = if decides { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        Row::new([
            Cell::from(short(&measure.name)),
            Cell::from(number(measure.last)),
            Cell::from(best),
            Cell::from(note),
        ])
        .style(style)
    });
    let widths =
        [Constraint::Length(24), Constraint::Length(11), Constraint::Length(11), Constraint::Fill(1)];
    let header = Row::new(["held-out tiles", "last", "best", ""]).style(soft);
    Table::new(rows, widths).header(header).block(Block::new().title(numbers))
}

/// A measure's name without where it was taken.
fn short(name: &str) -> &str {
    name.trim_start_matches("validation/")
}

fn number(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "–".into(),
        size if size != 0.0 && !(1e-3..1e5).contains(&size) => format!("{value:.2e}"),
        _ => format!("{value:.4}"),
    }
}

fn short_rate(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.2}") } else { format!("{rate:.0}") }
}

/// A time in the two units that matter.
fn told(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::super::standing::Update;
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use refcon_training::runs::Decisive;

    fn drawn(width: u16, height: u16, standing: &Standing, now: Instant) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, standing, now)).unwrap();
        let buffer = terminal.backend().buffer();
        let row = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..height).map(row).collect()
    }

    fn by_map_at_r() -> Decisive {
        Decisive { measure: "validation/map_at_r".into(), smaller_is_better: false }
    }

    /// A training of two epochs out of three.
    fn half_done() -> (Standing, Instant) {
        let began = Instant::now();
        let mut standing = Standing::new(
            "runs/quiet-salt-3".into(),
            "fine-tuning of texture, f32 on cpu".into(),
            by_map_at_r(),
            &[],
            began,
        );
        for step in 1..=20 {
            let now = began + Duration::from_secs(step);
            let loss = 2.0 / step as f64;
            standing.update(Update::Step { step, of: 30, loss, learning_rate: 5e-4 }, now);
            if step % 10 == 0 {
                let measures = vec![
                    ("validation/map_at_r".to_owned(), 0.4 + step as f64 / 100.0),
                    ("validation/triplet_loss".to_owned(), 0.5),
                ];
                standing.update(Update::Epoch { epoch: step / 10, of: 3, loss, measures, best: true }, now);
            }
        }
        standing.update(Update::Message("embeddings of two classes collapse".into()), began);
        (standing, began + Duration::from_secs(90))
    }

    #[test]
    fn eighty_by_twenty_four_shows_everything() {
        let (standing, now) = half_done();
        let lines = drawn(80, 24, &standing, now);
        let page = lines.join("\n");
        assert!(lines[0].starts_with("runs/quiet-salt-3  fine-tuning of texture, f32 on cpu"), "{page}");
        assert!(
            lines[1].contains("epoch 2/3, step 20/30, 1.00 a second, 1 min 30 s so far, 45 s left"),
            "{page}"
        );
        for part in [
            " loss 0.1000 ",
            " map_at_r 0.6000 ",
            "learning rate 5.00e-4   loss of the last epoch 0.1000",
            "embeddings of two classes collapse",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let row = lines.iter().find(|line| line.starts_with("map_at_r")).unwrap();
        assert!(
            row.split_whitespace().eq(["map_at_r", "0.6000", "0.6000", "at", "step", "20,", "kept"]),
            "{row}"
        );
        assert!(lines[23].starts_with("q or Ctrl-C: stop after this step"), "{page}");
        // Both curves are there, in dots of eight a cell.
        let dots = |from: usize, to: usize| {
            let braille = |symbol: char| ('\u{2801}'..='\u{28ff}').contains(&symbol);
            lines
                .iter()
                .map(|line| line.chars().skip(from).take(to - from).filter(|c| braille(*c)).count())
                .sum::<usize>()
        };
        assert!(dots(0, 40) > 10 && dots(40, 80) > 10, "{page}");
    }

    #[test]
    fn a_small_terminal_leaves_the_charts_out_and_none_is_too_small() {
        let (standing, now) = half_done();
        let page = drawn(40, 10, &standing, now).join("\n");
        assert!(page.contains("map_at_r") && page.contains("q or Ctrl-C") && !page.contains('┌'), "{page}");
        for (width, height) in [(1, 1), (2, 3), (7, 24), (80, 2), (300, 100)] {
            drawn(width, height, &standing, now);
        }
    }

    #[test]
    fn before_the_first_step_nothing_is_made_up() {
        let now = Instant::now();
        let standing = Standing::new("runs/x".into(), String::new(), by_map_at_r(), &[], now);
        let page = drawn(80, 24, &standing, now).join("\n");
        assert!(
            page.contains("beginning") && page.contains("learning rate –") && !page.contains("NaN"),
            "{page}"
        );
    }

    #[test]
    fn times_are_told_in_two_units() {
        let times =
            [59, 61, 3 * 3600 + 120, 2 * 86_400 + 3600].map(|seconds| told(Duration::from_secs(seconds)));
        assert_eq!(times, ["59 s", "1 min 1 s", "3 h 2 min", "2 d 1 h"]);
    }
}
