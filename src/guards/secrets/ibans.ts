import { isAlphanumeric, standsAlone, type Joined } from "./lines.ts";
import type { Sighting } from "./sighting.ts";

/** Characters of an account number, by country (ISO 13616-1, SWIFT's registry). */
const LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 " +
    "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 " +
    "LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 " +
    "SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
  )
    .split(" ")
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

const START = /[A-Za-z]{2}\d{2}/g;

/** Account numbers: right country, length and check digits (ISO 7064, MOD 97-10), in one piece or in groups. */
export function* seeIbans(joined: Joined): Generator<Sighting> {
  for (const { 0: head, index } of joined.text.matchAll(START)) {
    const length = LENGTHS.get(head.slice(0, 2).toUpperCase());
    const end = length === undefined ? null : endOfNumber(joined.text, index, length);
    if (end === null || !standsAlone(joined, index, end)) continue;
    if (hasCheckDigits(joined.text.slice(index, end))) yield { code: "iban", severity: 2, start: index, end };
  }
}

/** Past as many letters and digits, a separator allowed after every fourth of them and between digits; null: there are fewer. */
function endOfNumber(text: string, start: number, length: number): number | null {
  let read = 0;
  for (let at = start; at < text.length; at++) {
    if (isAlphanumeric(text, at)) {
      if (++read === length) return at + 1;
      continue;
    }
    const separates = " -.".includes(text.charAt(at)) && (read % 4 === 0 || isDigit(text, at + 1)) && isAlphanumeric(text, at + 1);
    if (!separates) return null;
  }
  return null;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

function hasCheckDigits(text: string): boolean {
  const number = text.replace(/[ .-]/g, "").toUpperCase();
  let rest = 0;
  for (const character of number.slice(4) + number.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}
