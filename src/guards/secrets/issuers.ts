/** First digits, from and to, and the lengths in digits that its issuers give out (ISO/IEC 7812-1). */
type Range = readonly [from: string, to: string, lengths: readonly number[]];

const SIXTEEN: readonly number[] = [16];
const TO_NINETEEN: readonly number[] = [16, 17, 18, 19];

const RANGES: readonly Range[] = [
  // Visa
  ["4", "4", [13, 16, 19]],
  // Mastercard
  ["51", "55", SIXTEEN],
  ["2221", "2720", SIXTEEN],
  // American Express
  ["34", "34", [15]],
  ["37", "37", [15]],
  // Discover
  ["6011", "6011", TO_NINETEEN],
  ["644", "649", TO_NINETEEN],
  ["65", "65", TO_NINETEEN],
  // Diners Club
  ["300", "305", [14, 16, 17, 18, 19]],
  ["3095", "3095", [14, 16, 17, 18, 19]],
  ["36", "36", [14, 15, 16, 17, 18, 19]],
  ["38", "39", [14, 16, 17, 18, 19]],
  // JCB
  ["3528", "3589", TO_NINETEEN],
  // UnionPay
  ["62", "62", TO_NINETEEN],
  ["8100", "8171", TO_NINETEEN],
  // Maestro
  ["5018", "5018", [13, 14, 15, 16, 17, 18, 19]],
  ["5020", "5020", [13, 14, 15, 16, 17, 18, 19]],
  ["5038", "5038", [13, 14, 15, 16, 17, 18, 19]],
  ["5893", "5893", [13, 14, 15, 16, 17, 18, 19]],
  ["6304", "6304", [13, 14, 15, 16, 17, 18, 19]],
  ["6759", "6759", [13, 14, 15, 16, 17, 18, 19]],
  ["6761", "6763", [13, 14, 15, 16, 17, 18, 19]],
  // Dankort, Mir, Troy, RuPay, Verve, Humo, Uzcard
  ["5019", "5019", SIXTEEN],
  ["2200", "2204", TO_NINETEEN],
  ["9792", "9792", SIXTEEN],
  ["508", "508", SIXTEEN],
  ["60", "60", SIXTEEN],
  ["82", "82", SIXTEEN],
  ["506099", "506198", [16, 18, 19]],
  ["507865", "507964", [16, 18, 19]],
  ["9860", "9860", SIXTEEN],
  ["8600", "8600", SIXTEEN],
];

/** A number that a card could have: somebody's range, its length, and the check digit. */
export function isCardNumber(digits: string): boolean {
  return RANGES.some(([from, to, lengths]) => lengths.includes(digits.length) && isBetween(digits, from, to)) && hasLuhnDigit(digits);
}

function isBetween(digits: string, from: string, to: string): boolean {
  const first = digits.slice(0, from.length);
  return first >= from && first <= to;
}

/** ISO/IEC 7812-1 annex B. */
function hasLuhnDigit(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index++) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 0x30;
    const counted = index % 2 === 0 ? digit : 2 * digit;
    sum += counted > 9 ? counted - 9 : counted;
  }
  return sum % 10 === 0;
}
