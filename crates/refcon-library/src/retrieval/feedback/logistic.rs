//! Logistic regression with an L2 penalty, by Newton's method with conjugate gradients.
//!
//! Minimises `λ/2 ‖w − w₀‖² + Σ cᵢ log(1 + exp(−yᵢ (w·xᵢ + b)))`, where likes and dislikes weigh the same together
//! (`cᵢ = n / (2 n of its kind)`), `w₀` is what is believed before the answers, and the intercept `b` is free. The function is convex, so there is one minimum; no random
//! number is used. Each Newton step is solved by conjugate gradients, which needs products with the examples only, not a
//! matrix of the dimension's size (Lin, Weng and Keerthi, *Trust region Newton method for logistic regression*, 2008; here
//! with a backtracking line search).

/// An answer: an embedding, and whether it is liked.
#[derive(Debug, Clone)]
pub(super) struct Example {
    pub(super) embedding: Vec<f64>,
    pub(super) liked: bool,
}

/// The penalty λ.
const PENALTY: f64 = 0.1;
/// Newton steps at most; a handful is usual.
const NEWTON_STEPS: usize = 100;
/// The gradient's length, by that at the start, at which the minimum is reached.
const PRECISION: f64 = 1e-9;
/// Halvings of a Newton step before it is given up.
const HALVINGS: usize = 40;

/// The weights `w` of the model of the examples, of which there must be both kinds, drawn towards `prior`. The intercept changes
/// no ranking and is left out.
pub(super) fn fit(examples: &[Example], prior: &[f64]) -> Vec<f64> {
    let mut solution = minimum(&Problem::new(examples, prior));
    solution.pop();
    solution
}

/// Weights and, last, the intercept at the minimum.
fn minimum(problem: &Problem<'_>) -> Vec<f64> {
    let mut solution = [problem.prior, &[0.0]].concat();
    let mut state = problem.at(&solution);
    let at_start = length(&state.gradient);
    for _ in 0..NEWTON_STEPS {
        if length(&state.gradient) <= PRECISION * at_start {
            break;
        }
        let step = problem.newton_step(&state);
        let slope = product(&state.gradient, &step);
        let shorter = (0..HALVINGS).map(|halving| 0.5f64.powi(halving as i32)).find_map(|share| {
            let tried: Vec<f64> = solution.iter().zip(&step).map(|(at, step)| at + share * step).collect();
            let there = problem.at(&tried);
            (there.value <= state.value + 1e-4 * share * slope).then_some((tried, there))
        });
        // No step goes lower: this is the minimum, as exactly as f64 can tell.
        let Some((lower, there)) = shorter else { break };
        (solution, state) = (lower, there);
    }
    solution
}

struct Problem<'a> {
    examples: &'a [Example],
    prior: &'a [f64],
    /// What a like, and what a dislike counts.
    shares: [f64; 2],
    dimension: usize,
}

/// The function at a point: its value, its gradient, and each example's curvature `c σ (1 − σ)`.
struct State {
    value: f64,
    gradient: Vec<f64>,
    curvatures: Vec<f64>,
}

impl<'a> Problem<'a> {
    fn new(examples: &'a [Example], prior: &'a [f64]) -> Self {
        let liked = examples.iter().filter(|example| example.liked).count();
        let share = |count: usize| examples.len() as f64 / (2.0 * count.max(1) as f64);
        Self {
            examples,
            prior,
            shares: [share(liked), share(examples.len() - liked)],
            dimension: prior.len(),
        }
    }

    fn at(&self, solution: &[f64]) -> State {
        let from_prior: Vec<f64> = solution.iter().zip(self.prior).map(|(at, prior)| at - prior).collect();
        let mut value = 0.5 * PENALTY * product(&from_prior, &from_prior);
        let mut gradient: Vec<f64> = from_prior.into_iter().map(|apart| PENALTY * apart).collect();
        gradient.push(0.0);
        let mut curvatures = Vec::with_capacity(self.examples.len());
        for example in self.examples {
            let (sign, share) = if example.liked { (1.0, self.shares[0]) } else { (-1.0, self.shares[1]) };
            let margin = sign * self.score(example, solution);
            // log(1 + exp(−m)) without overflow.
            value += share * ((-margin.abs()).exp().ln_1p() + (-margin).max(0.0));
            let wrong = 1.0 / (1.0 + margin.exp());
            self.add(&mut gradient, example, -sign * share * wrong);
            curvatures.push(share * wrong * (1.0 - wrong));
        }
        State { value, gradient, curvatures }
    }

    fn score(&self, example: &Example, solution: &[f64]) -> f64 {
        product(&example.embedding, &solution[..self.dimension]) + solution[self.dimension]
    }

    fn add(&self, sum: &mut [f64], example: &Example, share: f64) {
        sum.iter_mut().zip(&example.embedding).for_each(|(sum, value)| *sum += share * value);
        sum[self.dimension] += share;
    }

    /// The product of the second derivative with a direction.
    fn curve(&self, curvatures: &[f64], direction: &[f64]) -> Vec<f64> {
        let mut curved: Vec<f64> = direction.iter().map(|value| PENALTY * value).collect();
        curved[self.dimension] = 0.0;
        for (example, curvature) in self.examples.iter().zip(curvatures) {
            self.add(&mut curved, example, curvature * self.score(example, direction));
        }
        curved
    }

    /// Minus the gradient by the second derivative, by conjugate gradients.
    fn newton_step(&self, state: &State) -> Vec<f64> {
        let mut step = vec![0.0; state.gradient.len()];
        let mut residual: Vec<f64> = state.gradient.iter().map(|value| -value).collect();
        let mut direction = residual.clone();
        let mut squared = product(&residual, &residual);
        let enough = (1e-10 * squared.sqrt()).powi(2);
        // As many directions as examples, the intercept and the penalty have, and some for rounding.
        for _ in 0..2 * (self.examples.len() + 2) {
            let curved = self.curve(&state.curvatures, &direction);
            let bend = product(&direction, &curved);
            if squared <= enough || bend <= 0.0 {
                break;
            }
            let far = squared / bend;
            step.iter_mut().zip(&direction).for_each(|(step, direction)| *step += far * direction);
            residual.iter_mut().zip(&curved).for_each(|(residual, curved)| *residual -= far * curved);
            let next = product(&residual, &residual);
            let kept = next / squared;
            direction.iter_mut().zip(&residual).for_each(|(direction, residual)| {
                *direction = residual + kept * *direction;
            });
            squared = next;
        }
        step
    }
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn length(vector: &[f64]) -> f64 {
    product(vector, vector).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn examples(values: &[(Vec<f64>, bool)]) -> Vec<Example> {
        values
            .iter()
            .map(|(embedding, liked)| Example { embedding: embedding.clone(), liked: *liked })
            .collect()
    }

    proptest! {
        #[test]
        fn at_the_solution_the_gradient_is_gone(
            mut values in prop::collection::vec((prop::collection::vec(-3.0f64..3.0, 7), any::<bool>()), 2..40),
            prior in prop::collection::vec(-5.0f64..5.0, 7),
        ) {
            (values[0].1, values[1].1) = (true, false);
            let examples = examples(&values);
            let problem = Problem::new(&examples, &prior);
            let solution = minimum(&problem);
            let gradient = problem.at(&solution).gradient;
            prop_assert!(length(&gradient) < 1e-6, "{:?}", gradient);
            // The gradient is that of the function: a finite difference agrees.
            for axis in 0..solution.len() {
                let mut moved = solution.clone();
                moved[axis] += 0.1;
                let ahead = problem.at(&moved);
                moved[axis] -= 2e-6;
                let behind = problem.at(&moved);
                let slope = (ahead.value - behind.value) / 2e-6;
                prop_assert!((slope - ahead.gradient[axis]).abs() < 1e-4 * (1.0 + slope.abs()));
            }
        }
    }

    /// One like at 1, one dislike at −1: by symmetry b = 0, and λ w = 2 σ(−w).
    #[test]
    fn two_opposite_examples_have_the_solution_of_their_equation() {
        let examples = examples(&[(vec![1.0], true), (vec![-1.0], false)]);
        let [weight, intercept] = minimum(&Problem::new(&examples, &[0.0]))[..] else {
            panic!("one weight, one intercept")
        };
        assert!(intercept.abs() < 1e-9);
        assert!((PENALTY * weight - 2.0 / (1.0 + weight.exp())).abs() < 1e-9, "{weight}");
    }

    #[test]
    fn few_of_one_kind_weigh_as_much_as_many_of_the_other() {
        let many: Vec<_> = (0..30).map(|_| (vec![-1.0], false)).chain([(vec![1.0], true)]).collect();
        let intercept = minimum(&Problem::new(&examples(&many), &[0.0]))[1];
        assert!(intercept.abs() < 1e-6, "the border lies halfway: {intercept}");
    }
}
