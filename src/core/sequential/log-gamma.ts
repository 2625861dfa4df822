/** The logarithm of the gamma function. */

/** Lanczos' approximation with g = 7 and nine terms, by Godfrey: about 15 digits. */
const COEFFICIENTS = [
  676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;
const G = 7;

/** ln of the gamma function of `x` above 0. */
export function logGamma(x: number): number {
  // Gamma(x) = Gamma(x + 1) / x keeps the approximation where it is good.
  if (x < 0.5) return logGamma(x + 1) - Math.log(x);
  const base = x - 1;
  const sum = COEFFICIENTS.reduce(
    (total, coefficient, index) => total + coefficient / (base + index + 1),
    0.99999999999980993,
  );
  const shifted = base + G + 0.5;
  return 0.5 * Math.log(2 * Math.PI) + (base + 0.5) * Math.log(shifted) - shifted + Math.log(sum);
}
