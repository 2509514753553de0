import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import fc from "fast-check";

// Made here and now: a repository that held the like would be stopped by every scanner, this one's included.

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** As random as a key, and the same every time. */
export function body(length: number, alphabet = BASE62, seed = "seed"): string {
  let text = "";
  for (let block = 0; text.length < length; block++) {
    for (const byte of createHash("sha512").update(`${seed}${block}`).digest()) text += alphabet[byte % alphabet.length];
  }
  return text.slice(0, length);
}

export const HEX = "0123456789abcdef";

/** GitHub's and npm's: the CRC-32 of the first thirty characters in base 62 behind them. */
export function withChecksum(prefix: string, seed = "seed"): string {
  const random = body(30, BASE62, seed);
  let rest = crc32(random);
  let check = "";
  for (let digit = 0; digit < 6; digit++, rest = Math.floor(rest / 62)) check = BASE62[rest % 62] + check;
  return prefix + random + check;
}

/** With its Luhn digit behind. */
export function cardNumber(withoutCheck: string): string {
  for (let check = 0; check < 10; check++) {
    const digits = [...`${withoutCheck}${check}`].toReversed().map(Number);
    const sum = digits.reduce((total, digit, index) => total + (index % 2 === 0 ? digit : [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][digit]!), 0);
    if (sum % 10 === 0) return `${withoutCheck}${check}`;
  }
  throw new Error("no check digit");
}

/** With its two check digits, by arithmetic on the whole number. */
export function iban(country: string, account: string): string {
  const number = [...`${account}${country}00`].map((character) => Number.parseInt(character, 36)).join("");
  return `${country}${String(98n - (BigInt(number) % 97n)).padStart(2, "0")}${account}`;
}

/** Numbers of the great issuers. */
export const cards: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom<[string, number]>(
      ["4", 16],
      ["51", 16],
      ["2221", 16],
      ["2720", 16],
      ["34", 15],
      ["37", 15],
      ["6011", 16],
      ["3528", 16],
    ),
    fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 18, maxLength: 18 }),
  )
  .map(([[prefix, length], digits]) => cardNumber((prefix + digits.join("")).slice(0, length - 1)));

export const ibans: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom<[string, number]>(["DE", 18], ["FR", 23], ["NO", 11], ["PL", 24]), fc.stringMatching(/^\d{24}$/))
  .map(([[country, length], digits]) => iban(country, digits.slice(0, length)));

function token(header: object): string {
  const part = (value: object | string): string =>
    Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part({ sub: "assistant", exp: 1_800_000_000 })}.${body(86)}`;
}

export const JWT = token({ alg: "EdDSA", typ: "JWT" });
export const NOT_SIGNED = token({ typ: "none" });

/** A block as OpenSSL and OpenPGP write it. */
export function armour(label: string, lines = 6): string {
  const rows = Array.from({ length: lines }, (_, row) => body(64, `${BASE62}+/`, `${label}${row}`));
  return [`-----BEGIN ${label}-----`, ...rows, `-----END ${label}-----`].join("\n");
}

/** One of each that names its maker: code, text. */
export const TOKENS: readonly (readonly [code: string, text: string])[] = [
  ["postern_key", `pst_live_${body(32, "0123456789abcdefghjkmnpqrstvwxyz")}`],
  ["aws_key", `AKIA${body(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")}`],
  ["aws_key", `ASIA${body(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")}`],
  ["google_key", `AIza${body(35)}`],
  ["google_key", `GOCSPX-${body(28)}`],
  ["google_key", `ya29.${body(120)}`],
  ["azure_key", `${body(3)}8Q~${body(34)}`],
  ["github_token", withChecksum("ghp_")],
  ["github_token", withChecksum("ghs_")],
  ["github_token", `github_pat_${body(22)}_${body(59, BASE62, "pat")}`],
  ["gitlab_token", `glpat-${body(20)}`],
  ["npm_token", withChecksum("npm_")],
  ["package_token", `pypi-AgEIcHlwaS5vcmc${body(120)}`],
  ["package_token", `rubygems_${body(48, HEX)}`],
  ["package_token", `dckr_pat_${body(27)}`],
  ["slack_token", `xoxb-${body(12, "0123456789")}-${body(13, "0123456789")}-${body(24)}`],
  ["slack_token", `https://hooks.slack.com/services/T${body(8, "ABC123")}/B${body(10, "ABC123")}/${body(24)}`],
  ["chat_token", `https://discord.com/api/webhooks/${body(18, "0123456789")}/${body(68)}`],
  ["chat_token", `${body(10, "123456789")}:AA${body(33)}`],
  ["stripe_key", `sk_live_${body(24)}`],
  ["stripe_key", `rk_live_${body(99)}`],
  ["stripe_key", `sk_test_${body(24)}`],
  ["webhook_secret", `whsec_${body(32)}`],
  ["openai_key", `sk-${body(20)}T3BlbkFJ${body(20)}`],
  ["openai_key", `sk-proj-${body(74)}T3BlbkFJ${body(74)}`],
  ["anthropic_key", `sk-ant-api03-${body(93)}AA`],
  ["api_key", `sk-or-v1-${body(64, HEX)}`],
  ["api_key", `xai-${body(80)}`],
  ["api_key", `gsk_${body(52)}`],
  ["api_key", `pplx-${body(48)}`],
  ["api_key", `r8_${body(37)}`],
  ["api_key", `hf_${body(34)}`],
  ["api_key", `SG.${body(22)}.${body(43)}`],
  ["api_key", `key-${body(32, HEX)}`],
  ["api_key", `SK${body(32, HEX)}`],
  ["api_key", `shpat_${body(32, HEX)}`],
  ["api_key", `dop_v1_${body(64, HEX)}`],
  ["api_key", `dapi${body(32, HEX)}`],
  ["api_key", `sbp_${body(40, HEX)}`],
  ["api_key", `lin_api_${body(40)}`],
  ["api_key", `ntn_${body(46)}`],
  ["api_key", `figd_${body(43)}`],
  ["api_key", `glsa_${body(32)}_${body(8, HEX)}`],
  ["api_key", `glc_${body(64)}`],
  ["api_key", `hvs.${body(95)}`],
  ["api_key", `PMAK-${body(24, HEX)}-${body(34, HEX)}`],
  ["api_key", `NRAK-${body(27, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")}`],
  ["api_key", `ATATT3xFfGF0${body(180)}`],
  ["api_key", `sq0csp-${body(43)}`],
  ["private_key", `AGE-SECRET-KEY-1${body(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L")}`],
];
