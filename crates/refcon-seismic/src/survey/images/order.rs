//! Which image comes after which, and what their numbers are.

use std::cmp::Ordering;

/// Compares names as people order them: runs of digits as numbers, so that `line9` comes before `line10`.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (digits_left, digits_right) = (leading_digits(left), leading_digits(right));
        let order = match (digits_left.is_empty(), digits_right.is_empty()) {
            (false, false) => {
                let (a, b) = (digits_left.trim_start_matches('0'), digits_right.trim_start_matches('0'));
                (left, right) = (&left[digits_left.len()..], &right[digits_right.len()..]);
                a.len().cmp(&b.len()).then_with(|| a.cmp(b))
            }
            _ => match (left.chars().next(), right.chars().next()) {
                // Names that differ in leading zeros only still have an order.
                (None, None) => return a.cmp(b),
                (None, _) => return Ordering::Less,
                (_, None) => return Ordering::Greater,
                (Some(a), Some(b)) => {
                    (left, right) = (&left[a.len_utf8()..], &right[b.len_utf8()..]);
                    a.cmp(&b)
                }
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn leading_digits(text: &str) -> &str {
    &text[..text.bytes().take_while(u8::is_ascii_digit).count()]
}

/// First number and step of the names' last numbers, where every name has one and they are evenly spaced.
pub(super) fn numbering(names: &[String]) -> Option<(i32, i32)> {
    let numbers: Vec<i32> = names.iter().map(|name| last_number(name)).collect::<Option<_>>()?;
    let first = *numbers.first()?;
    let step = match numbers.get(1) {
        Some(second) => second.checked_sub(first).filter(|&step| step != 0)?,
        None => 1,
    };
    let even = numbers.windows(2).all(|pair| pair[1].checked_sub(pair[0]) == Some(step));
    even.then_some((first, step))
}

/// The last run of digits in a name, its ending left out.
fn last_number(name: &str) -> Option<i32> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let end = stem.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = stem[..end].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| {
        // The character before the digits may be longer than a byte.
        at + stem[at..].chars().next().map_or(1, char::len_utf8)
    });
    stem[start..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn names_are_ordered_as_people_count() {
        let mut found = names(&["line10.png", "line9.png", "line010.png", "é2.png", "line1b.png", "line"]);
        found.sort_by(|a, b| natural(a, b));
        assert_eq!(found, names(&["line", "line1b.png", "line9.png", "line010.png", "line10.png", "é2.png"]));
    }

    #[test]
    fn the_last_number_of_each_name_counts_where_all_are_evenly_spaced() {
        assert_eq!(numbering(&names(&["f3-il-110.png", "f3-il-112.png", "f3-il-114.png"])), Some((110, 2)));
        assert_eq!(numbering(&names(&["a300.tif", "b200.tif"])), Some((300, -100)));
        assert_eq!(numbering(&names(&["é7.png"])), Some((7, 1)));
        for uneven in [["1.png", "2.png", "4.png"], ["1.png", "1a.png", "2.png"], ["1.png", "x.png", "2.png"]]
        {
            assert_eq!(numbering(&names(&uneven)), None, "{uneven:?}");
        }
        assert_eq!(numbering(&names(&["99999999999.png"])), None);
    }
}
