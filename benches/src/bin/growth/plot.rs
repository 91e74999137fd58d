//! Costs against the size of the crowd, as SVG: both axes logarithmic, colours that are read on white and on black.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::cases::{CASES, Case};

const COLOURS: [&str; 8] =
    ["#e6194b", "#3a8fd9", "#2f9e44", "#f08c00", "#9c5de0", "#0ca6a6", "#d6409f", "#8d7b4b"];
const DASHES: [&str; 3] = ["", "6 3", "2 3"];
const LEFT: f64 = 70.0;
const TOP: f64 = 40.0;
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 400.0;

type Costs = Vec<(usize, f64)>;

/// Notes the costs of an operation beside those that were noted before, and plots its group anew.
pub fn add(folder: &Path, case: &Case, costs: Costs) {
    fs::create_dir_all(folder).expect("a folder for the plots");
    let file = folder.join("costs.txt");
    let noted = fs::read_to_string(&file).unwrap_or_default();
    let mut all: BTreeMap<&str, Costs> = noted.lines().filter_map(parsed).collect();
    all.insert(case.name, costs);
    let rows: Vec<(&Case, &Costs)> = CASES.iter().filter_map(|case| Some((case, all.get(case.name)?))).collect();
    let mut text = "# operation, and for each size of the crowd the instructions it costs\n".to_owned();
    for (case, costs) in &rows {
        text.push_str(case.name);
        costs.iter().for_each(|(n, cost)| write!(text, " {n}:{cost:.1}").expect("a string takes all"));
        text.push('\n');
    }
    fs::write(file, text).expect("the costs are written");
    let of_group: Vec<_> = rows.into_iter().filter(|(other, _)| other.group == case.group).collect();
    fs::write(folder.join(case.group).with_extension("svg"), plot(case.group, &of_group))
        .expect("a plot is written");
}

/// A line of the file.
fn parsed(line: &str) -> Option<(&str, Costs)> {
    let (name, costs) = line.split_once(' ')?;
    let costs = costs.split(' ').map(|cost| {
        let (n, cost) = cost.split_once(':')?;
        Some((n.parse().ok()?, cost.parse().ok()?))
    });
    Some((name, costs.collect::<Option<_>>()?))
}

fn plot(group: &str, rows: &[(&Case, &Costs)]) -> String {
    let costs = || rows.iter().flat_map(|(_, costs)| costs.iter().map(|(_, cost)| *cost));
    let (low, high) =
        (costs().fold(f64::MAX, f64::min).log10().floor(), costs().fold(1.0, f64::max).log10().ceil());
    let x = |n: usize| LEFT + WIDTH * (n as f64).log10() / 6.0;
    let y = |cost: f64| TOP + HEIGHT * (high - cost.log10()) / (high - low);
    let height = TOP + HEIGHT.max(17.0 * rows.len() as f64) + 60.0;
    let mut svg = String::new();
    let mut line = |text: String| svg.push_str(&(text + "\n"));
    line(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-12 0 872 {height}\" font-family=\"sans-serif\" font-size=\"12\">"
    ));
    line(
        "<style>text { fill: #222 } .axis { stroke: #8888 } @media (prefers-color-scheme: dark) { text { fill: #ddd } }\
         </style>"
            .to_owned(),
    );
    line(format!(
        "<text x=\"{LEFT}\" y=\"20\" font-size=\"15\">{group}: instructions an operation, beside n others</text>"
    ));
    for decade in low as i32..=high as i32 {
        let (at, cost) = (y(10f64.powi(decade)), 10f64.powi(decade));
        line(format!("<path class=\"axis\" d=\"M{LEFT} {at:.1}h{WIDTH}\"/>"));
        line(format!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{cost}</text>", LEFT - 6.0, at + 4.0));
    }
    for n in [1, 100, 10_000, 1_000_000] {
        let at = x(n);
        line(format!("<path class=\"axis\" d=\"M{at:.1} {TOP}v{HEIGHT}\"/>"));
        line(format!("<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{n}</text>", TOP + HEIGHT + 18.0));
    }
    for (at, (case, costs)) in rows.iter().enumerate() {
        let (colour, dash) = (COLOURS[at % COLOURS.len()], DASHES[at / COLOURS.len() % DASHES.len()]);
        let stroke = format!("stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\" fill=\"none\"");
        let mut path = String::new();
        for (n, cost) in costs.iter() {
            let _ = write!(path, "{}{:.1} {:.1}", if path.is_empty() { "M" } else { "L" }, x(*n), y(*cost));
        }
        let place = TOP + 17.0 * at as f64;
        line(format!("<path d=\"{path}\" {stroke}/>"));
        line(format!("<path d=\"M610 {:.1}h30\" {stroke}/>", place - 4.0));
        line(format!("<text x=\"648\" y=\"{place:.1}\">{}</text>", case.name));
    }
    svg + "</svg>\n"
}
