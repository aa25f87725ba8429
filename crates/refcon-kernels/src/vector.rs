//! One body, compiled for several widths of vector and chosen as the program runs.
//!
//! The bodies are plain loops over slices and arrays; the compiler turns them into vector code once it may assume the
//! instructions.

use std::sync::OnceLock;

/// Vector instructions that [`vectorised`] compiles for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vector {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Whatever every processor of this architecture has: SSE2, NEON.
    Baseline,
}

impl Vector {
    /// The widest that this machine has.
    pub(crate) fn here() -> Vector {
        static HERE: OnceLock<Vector> = OnceLock::new();
        *HERE.get_or_init(|| {
            let widest = Vector::detect();
            #[cfg(test)]
            let widest = tests::narrowed(widest);
            widest
        })
    }

    #[cfg(target_arch = "x86_64")]
    fn detect() -> Vector {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        match (avx2, avx512) {
            (true, true) => Vector::Avx512,
            (true, false) => Vector::Avx2,
            _ => Vector::Baseline,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn detect() -> Vector {
        Vector::Baseline
    }
}

/// `a · b + c`, in one instruction where there is one.
pub(crate) trait MulAdd {
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
}

/// Rounds once.
pub(crate) struct Fused;

impl MulAdd for Fused {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

/// Rounds twice: without the instruction, a fused product is a slow call into the mathematics library.
#[cfg(any(test, not(target_arch = "aarch64")))]
pub(crate) struct Separate;

#[cfg(any(test, not(target_arch = "aarch64")))]
impl MulAdd for Separate {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
}

/// What [`Vector::Baseline`] has.
#[cfg(target_arch = "aarch64")]
pub(crate) type Baseline = Fused;
#[cfg(not(target_arch = "aarch64"))]
pub(crate) type Baseline = Separate;

/// Defines a function whose body is compiled for each [`Vector`]; in the body, `$m` is a [`MulAdd`].
macro_rules! vectorised {
    ($(#[$meta:meta])* $vis:vis fn $name:ident<$m:ident $(, $t:ident: $bound:path)?>(
        $($arg:ident: $ty:ty),* $(,)?
    ) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name$(<$t: $bound>)?($($arg: $ty),*) $(-> $ret)? {
            // Not every body multiplies and adds.
            #[allow(clippy::extra_unused_type_parameters)]
            #[inline(always)]
            fn body<$m: $crate::vector::MulAdd $(, $t: $bound)?>($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512$(<$t: $bound>)?($($arg: $ty),*) $(-> $ret)? {
                    body::<$crate::vector::Fused $(, $t)?>($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2$(<$t: $bound>)?($($arg: $ty),*) $(-> $ret)? {
                    body::<$crate::vector::Fused $(, $t)?>($($arg),*)
                }
                match $crate::vector::Vector::here() {
                    // SAFETY: `Vector::here` has found these instructions on this machine.
                    $crate::vector::Vector::Avx512 => return unsafe { avx512$(::<$t>)?($($arg),*) },
                    // SAFETY: as above.
                    $crate::vector::Vector::Avx2 => return unsafe { avx2$(::<$t>)?($($arg),*) },
                    $crate::vector::Vector::Baseline => {}
                }
            }
            body::<$crate::vector::Baseline $(, $t)?>($($arg),*)
        }
    };
}
pub(crate) use vectorised;

#[cfg(test)]
mod tests {
    use super::Vector;
    use std::process::Command;

    /// Makes a test process use narrower vectors than its machine has.
    const VARIABLE: &str = "REFCON_TEST_VECTOR";

    pub(super) fn narrowed(widest: Vector) -> Vector {
        match std::env::var(VARIABLE).as_deref() {
            #[cfg(target_arch = "x86_64")]
            Ok("avx2") if widest == Vector::Avx512 => Vector::Avx2,
            Ok("baseline") => Vector::Baseline,
            _ => widest,
        }
    }

    #[test]
    fn narrower_vectors_pass_the_same_tests() {
        if std::env::var_os(VARIABLE).is_some() {
            return;
        }
        let program = std::env::current_exe().unwrap();
        for vector in ["avx2", "baseline"] {
            let tests = [
                "activation::",
                "cross_entropy::",
                "filters::",
                "histograms::",
                "normalisation::",
                "product::",
                "sinkhorn::",
                "softmax::",
                "unit::",
                "tile::",
            ];
            let run = Command::new(&program).args(tests).env(VARIABLE, vector).output().unwrap();
            let output = String::from_utf8_lossy(&run.stdout);
            assert!(run.status.success() && !output.contains("running 0 tests"), "{vector}:\n{output}");
        }
    }
}
