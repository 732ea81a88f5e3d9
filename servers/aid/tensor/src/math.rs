//! The scalar functions that define every variant's bits.
#![allow(clippy::excessive_precision, clippy::approx_constant)] // Constants stand as the format's text writes them.

/// 1.5 · 2^23: adding it rounds an f32 under 2^22 to the nearest whole number, ties to even, in the low bits.
pub(crate) const ROUNDER: f32 = 12_582_912.0;
/// Below this exp is 0.
pub(crate) const EXP_LOW: f32 = -87.0;
/// Above this exp is that of it.
pub(crate) const EXP_HIGH: f32 = 88.0;
/// log2 e.
pub(crate) const LOG2_E: f32 = 1.44269504;
/// ln 2 in two parts; the upper one has few bits, so that n times it is exact (Cody and Waite).
pub(crate) const LN2_HIGH: f32 = 0.693359375;
/// See [`LN2_HIGH`].
pub(crate) const LN2_LOW: f32 = -2.12194440e-4;
/// Coefficients of (e^r − 1 − r)/r², highest power first.
pub(crate) const EXP: [f32; 6] =
    [1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1];

/// e^x with an error of at most 1 ulp, and the same bits everywhere: nothing is fused. NaN stays NaN.
pub(crate) fn exp(x: f32) -> f32 {
    if x < EXP_LOW {
        return 0.0;
    }
    let x = if x > EXP_HIGH { EXP_HIGH } else { x };
    let shifted = x * LOG2_E + ROUNDER;
    let n = shifted - ROUNDER;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    let p = EXP.iter().skip(1).fold(EXP[0], |p, c| p * r + c);
    let mantissa = ((p * r) * r + r) + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUNDER.to_bits()).wrapping_add(127);
    mantissa * f32::from_bits(exponent << 23)
}

/// The greater one, the second on ties and NaN: what x86's `maxps` gives, and not what `fmax` does.
pub(crate) fn max(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Adds the values from index `from` on, then the 16 partial sums in halves.
pub(crate) fn finish_sum16(mut sums: [f32; 16], values: &[f32], from: usize) -> f32 {
    for (index, value) in values.iter().enumerate().skip(from) {
        sums[index % 16] += value;
    }
    for half in [8, 4, 2, 1] {
        for j in 0..half {
            sums[j] += sums[j + half];
        }
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_one_ulp_over_its_range() {
        let mut x = -86.99f32;
        while x < 88.0 {
            let (ours, exact) = (f64::from(exp(x)), libm::exp(f64::from(x)));
            let ulp = f64::from(f32::from_bits((exact as f32).to_bits() + 1)) - f64::from(exact as f32);
            assert!((ours - exact).abs() <= 1.01 * ulp, "exp({x}) = {ours}, exact {exact}");
            x += 0.003_1;
        }
    }

    #[test]
    fn exp_at_its_edges() {
        assert_eq!(exp(0.0).to_bits(), 1.0f32.to_bits());
        assert_eq!(exp(-0.0).to_bits(), 1.0f32.to_bits());
        assert_eq!(exp(-87.1).to_bits(), 0);
        assert_eq!(exp(f32::NEG_INFINITY).to_bits(), 0);
        assert_eq!(exp(f32::INFINITY), exp(88.0));
        assert!(exp(f32::NAN).is_nan());
    }
}
