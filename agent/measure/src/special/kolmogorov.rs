//! Distributions of the Kolmogorov-Smirnov statistic: the exact one of two samples, and that of one sample, which two large samples follow
//! with the effective size `nm / (n + m)`.

use std::f64::consts::PI;

use super::stirling_error;

/// Below this the tail is reported as zero: the exact count would only confirm that nothing is left of it.
const NEGLIGIBLE_EXPONENT: f64 = 720.0;

/// Probability that two samples of `n` and `m` values from one continuous distribution differ by at least `gap / lcm(n, m)` somewhere.
///
/// Counts lattice paths from `(0, 0)` to `(n, m)` that touch a band around the diagonal (Hodges 1958), as probabilities, along the
/// antidiagonals, so that nothing overflows or cancels. Time grows with the band's area, memory with `n`. With ties the result is an
/// upper bound of the true p-value. Meant for up to some ten thousand rows.
pub fn two_sample_exact_sf(n: u64, m: u64, gap: u64) -> f64 {
    if gap == 0 || n == 0 || m == 0 {
        return 1.0;
    }
    let divisor = gcd(n, m);
    let (step_n, step_m) = ((n / divisor) as i64, (m / divisor) as i64);
    let distance = gap as f64 / (n as f64 * step_m as f64);
    if 2.0 * distance * distance * (n as f64 * m as f64 / (n + m) as f64) > NEGLIGIBLE_EXPONENT {
        return 0.0;
    }
    let (n, m, gap) = (n as i64, m as i64, gap as i64);
    let index: Vec<f64> = (0..=n).map(|i| i as f64).collect();
    let mut outside = vec![1.0_f64; n as usize + 1];
    let mut next = outside.clone();
    outside[0] = 0.0;
    for sum in 1..=n + m {
        // Inside the band: |i * (step_n + step_m) - sum * step_n| < gap, with j = sum - i.
        let low = ((sum * step_n - gap).div_euclid(step_n + step_m) + 1).max(0).max(sum - m);
        let high = (-(-(sum * step_n + gap)).div_euclid(step_n + step_m) - 1).min(n).min(sum);
        if low > high {
            return 1.0;
        }
        let (low, high) = (low as usize, high as usize);
        advance_antidiagonal(&outside, &mut next, &index, low, high, sum as f64);
        if low > 0 {
            next[low - 1] = 1.0;
        }
        std::mem::swap(&mut outside, &mut next);
    }
    outside[n as usize].clamp(0.0, 1.0)
}

/// One antidiagonal: a path to `(i, j)` came from `(i - 1, j)` with probability `i / (i + j)`, else from `(i, j - 1)`.
fn advance_antidiagonal(from: &[f64], to: &mut [f64], index: &[f64], low: usize, high: usize, sum: f64) {
    let inverse = sum.recip();
    let first = low.max(1);
    if low == 0 {
        to[0] = from[0];
    }
    if first > high {
        return;
    }
    let left = &from[first - 1..high];
    let below = &from[first..=high];
    let columns = &index[first..=high];
    for (((value, &a), &b), &i) in to[first..=high].iter_mut().zip(left).zip(below).zip(columns) {
        *value = (i * a + (sum - i) * b) * inverse;
    }
}

pub(super) fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Right tail of the two-sided one-sample Kolmogorov-Smirnov statistic for `n` values.
///
/// The selection of methods follows Simard and L'Ecuyer (2011): closed forms at both ends, the matrix power of Marsaglia, Tsang and Wang
/// (2003) for few values, twice the one-sided tail where the two sides exclude each other, and Pelz and Good (1976) in between.
pub fn one_sample_sf(n: u64, distance: f64) -> f64 {
    let size = n as f64;
    let scaled = size * distance;
    if n == 0 || distance.is_nan() {
        return f64::NAN;
    }
    if distance >= 1.0 {
        return 0.0;
    }
    if scaled <= 0.5 {
        return 1.0;
    }
    if scaled <= 1.0 {
        return 1.0 - (factorial_over_power(size) + size * (2.0 * scaled - 1.0).ln()).exp();
    }
    let squared = scaled * distance;
    if distance >= 0.5 || squared >= if n <= 140 { 4.0 } else { 2.2 } {
        return (2.0 * one_sided_sf(n, distance)).min(1.0);
    }
    let small = n <= 140 || (n <= 1000 && size * distance.powf(1.5) <= 1.4);
    let cdf = if small { matrix_cdf(n, distance) } else { pelz_good_cdf(size, distance) };
    (1.0 - cdf).clamp(0.0, 1.0)
}

/// `ln(n! / n^n)`.
fn factorial_over_power(n: f64) -> f64 {
    0.5 * (2.0 * PI * n).ln() - n + stirling_error(n)
}

/// Right tail of the one-sided statistic (Birnbaum and Tingey 1951):
/// `x * sum C(n, j) (x + j/n)^(j-1) (1 - x - j/n)^(n-j)` over `0 <= j <= n (1 - x)`.
///
/// The terms form a bump that dies out at both ends faster than any power when `n x^2` exceeds about 2. So for many values every k-th
/// term, taken k times, gives the same sum (the error of the trapezoidal rule is exponentially small).
fn one_sided_sf(n: u64, distance: f64) -> f64 {
    const EVALUATED: u64 = 500;
    let size = n as f64;
    // Massart's bound (1990), exp(-2 n x^2), is below the smallest number.
    if 2.0 * size * distance * distance > NEGLIGIBLE_EXPONENT {
        return 0.0;
    }
    let last = ((size * (1.0 - distance)).floor() as u64).min(n - 1);
    let stride = if size * distance * distance > 1.5 { (n / EVALUATED).max(1) } else { 1 };
    let mut sum = if stride == 1 { (size * (-distance).ln_1p()).exp() } else { 0.0 };
    let mut j = stride;
    while j <= last {
        sum += stride as f64 * one_sided_term(size, j as f64, distance);
        j += stride;
    }
    sum
}

/// One term of [`one_sided_sf`], `1 <= j < n`, as the exponential of a relative entropy with Stirling's corrections.
fn one_sided_term(n: f64, j: f64, distance: f64) -> f64 {
    let rest = n - j;
    let share = distance / (distance + j / n);
    let remaining = 1.0 - distance * n / rest;
    if remaining <= 0.0 {
        return 0.0;
    }
    let exponent = j * (distance * n / j).ln_1p() + rest * remaining.ln() + 0.5 * (n / (2.0 * PI * j * rest)).ln();
    share * (exponent + stirling_error(n) - stirling_error(j) - stirling_error(rest)).exp()
}

/// `P(D < distance)` by the matrix power of Marsaglia, Tsang and Wang (2003); exact, for up to some hundred values.
fn matrix_cdf(n: u64, distance: f64) -> f64 {
    let scaled = n as f64 * distance;
    let ceiling = scaled.floor() as usize + 1;
    let order = 2 * ceiling - 1;
    // n! / n^n = sqrt(2 pi n) e^-n e^error: with a factor 1/e in every step no power overflows.
    let matrix: Vec<f64> = transition_matrix(order, ceiling as f64 - scaled).iter().map(|h| h / std::f64::consts::E).collect();
    let power = matrix_power(&matrix, order, n);
    let size = n as f64;
    power[(ceiling - 1) * order + ceiling - 1] * (2.0 * PI * size).sqrt() * stirling_error(size).exp()
}

/// Durbin's matrix: ones on and below the superdiagonal, corrected in the first column and the last row, divided by factorials.
fn transition_matrix(order: usize, excess: f64) -> Vec<f64> {
    let mut matrix = vec![0.0; order * order];
    for row in 0..order {
        for column in 0..=(row + 1).min(order - 1) {
            matrix[row * order + column] = 1.0;
        }
    }
    for i in 0..order {
        matrix[i * order] -= excess.powi(i as i32 + 1);
        matrix[(order - 1) * order + i] -= excess.powi((order - i) as i32);
    }
    if 2.0 * excess > 1.0 {
        matrix[(order - 1) * order] += (2.0 * excess - 1.0).powi(order as i32);
    }
    for row in 0..order {
        for column in 0..=row {
            let factorial: f64 = (1..=row - column + 1).map(|k| k as f64).product();
            matrix[row * order + column] /= factorial;
        }
    }
    matrix
}

fn matrix_power(matrix: &[f64], order: usize, mut exponent: u64) -> Vec<f64> {
    let mut result: Vec<f64> = (0..order * order).map(|at| if at % (order + 1) == 0 { 1.0 } else { 0.0 }).collect();
    let mut square = matrix.to_vec();
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = matrix_product(&result, &square, order);
        }
        square = matrix_product(&square, &square, order);
        exponent >>= 1;
    }
    result
}

fn matrix_product(a: &[f64], b: &[f64], order: usize) -> Vec<f64> {
    let mut product = vec![0.0; order * order];
    for (row, target) in a.chunks_exact(order).zip(product.chunks_exact_mut(order)) {
        for (&factor, source) in row.iter().zip(b.chunks_exact(order)) {
            for (value, &other) in target.iter_mut().zip(source) {
                *value += factor * other;
            }
        }
    }
    product
}

/// `P(D < distance)` by the expansion of Pelz and Good (1976) in powers of `1 / sqrt(n)`.
fn pelz_good_cdf(n: f64, distance: f64) -> f64 {
    let z = n.sqrt() * distance;
    let square = z * z;
    let (fourth, sixth, eighth) = (square.powi(2), square.powi(3), square.powi(4));
    let (mut k0, mut k1, mut k2, mut k3) = (0.0, 0.0, 0.0, 0.0);
    let (mut even2, mut even3) = (0.0, 0.0);
    for k in 0..20 {
        let half = PI * PI * (f64::from(k) + 0.5).powi(2);
        // The sums run over all integers; those of half-integers are symmetric, hence the factor 2.
        let weight = 2.0 * (-half / (2.0 * square)).exp();
        k0 += weight;
        k1 += (half - square) * weight;
        k2 += (6.0 * sixth + 2.0 * fourth + half * (2.0 * fourth - 5.0 * square) + half * half * (1.0 - 2.0 * square)) * weight;
        k3 += (half.powi(3) * (5.0 - 30.0 * square) + half * half * (-60.0 * square + 212.0 * fourth) + half * (135.0 * fourth - 96.0 * sixth)
            - (30.0 * sixth + 90.0 * eighth))
            * weight;
        let whole = PI * PI * f64::from(k).powi(2);
        let weight = 2.0 * (-whole / (2.0 * square)).exp();
        even2 += whole * weight;
        even3 += (3.0 * whole * square - whole * whole) * weight;
    }
    let root = (PI / 2.0).sqrt();
    let first = root / z * k0;
    let second = root / (6.0 * fourth) * k1;
    let third = root / (72.0 * z.powi(7)) * k2 - root / (36.0 * z.powi(3)) * even2;
    let fourth_term = root / (6480.0 * z.powi(10)) * k3 + root / (216.0 * sixth) * even3;
    first + second / n.sqrt() + third / n + fourth_term / n.powf(1.5)
}
