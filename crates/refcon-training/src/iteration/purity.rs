//! How many of the labels are right, where somebody knows.

use super::Found;
use refcon_evaluation::Gold;
use serde::Serialize;

/// Labels that were given, against the true classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Purity {
    /// Tiles whose class is known.
    pub known: usize,
    /// Those among them that were given it.
    pub right: usize,
}

impl Purity {
    /// Of tiles that were found; gold has their classes among those of the corpus, by the same names.
    #[must_use]
    pub fn of(found: &[Found], gold: &Gold) -> Self {
        let classes = found.iter().filter_map(|found| Some((&found.label, gold.corpus.get(&found.file)?)));
        let judged: Vec<bool> = classes.map(|(label, class)| label == class).collect();
        Self { known: judged.len(), right: judged.iter().filter(|right| **right).count() }
    }

    /// The share of right labels; `None` where no class is known.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.known > 0).then(|| self.right as f64 / self.known as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_classes_are_judged() {
        let found = |file: &str, label: &str| Found {
            label: label.into(),
            file: file.into(),
            distance: 0.01,
            query: "q.png".into(),
        };
        let found = [found("a.png", "Salt"), found("b.png", "Salt"), found("c.png", "Fault")];
        let mut gold = Gold::default();
        assert_eq!(Purity::of(&found, &gold).share(), None);
        for (file, class) in [("a.png", "Salt"), ("b.png", "Fault")] {
            gold.corpus.insert(file.into(), class.into());
        }
        let purity = Purity::of(&found, &gold);
        assert_eq!((purity, purity.share()), (Purity { known: 2, right: 1 }, Some(0.5)));
    }
}
