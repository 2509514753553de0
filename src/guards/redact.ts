import { isAlphanumeric } from "./secrets/lines.ts";
import type { SecretCode } from "./secrets/sighting.ts";
import { PREFIXES } from "./secrets/token-rules.ts";

const DOTS = "••••";
/** Characters of a preview. */
const SHOWN = 120;

/**
 * What was seen, for the person who decides: enough to know which one it is, too little to use it; `4••• •••• •••• 1111`.
 * `kind` is the finding's code, `text` the stretch its span names. Total: an unknown kind shows nothing.
 */
export function redact(kind: string, text: string): string {
  return preview(kind as SecretCode, text).slice(0, SHOWN);
}

function preview(kind: SecretCode, text: string): string {
  switch (kind) {
    case "payment_card":
      return grouped(plain(text), 1);
    case "iban":
      return grouped(plain(text).toUpperCase(), 2);
    case "private_key":
      return `${/BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY|AGE-SECRET-KEY|PuTTY/.exec(text)?.[0] ?? "private key"} ${DOTS}`;
    case "connection_string":
      return `${/^[A-Za-z][A-Za-z0-9+.-]{0,19}:\/\//.exec(text)?.[0] ?? ""}${DOTS}${/@[A-Za-z0-9.-]{1,60}$/.exec(text)?.[0] ?? ""}`;
    case "key_file":
      return text.replace(/[\p{C}\p{Z}]/gu, " ");
    case "aws_key":
    case "google_key":
    case "azure_key":
    case "github_token":
    case "gitlab_token":
    case "npm_token":
    case "package_token":
    case "slack_token":
    case "chat_token":
    case "stripe_key":
    case "webhook_secret":
    case "openai_key":
    case "anthropic_key":
    case "postern_key":
    case "api_key":
      return token(text);
    case "jwt":
    case "authorization":
      return `${DOTS}${lastOf(plain(text))}`;
    default:
      return (kind satisfies never, DOTS);
  }
}

/** The prefix, which is the same for everybody, and the end. */
function token(text: string): string {
  const compact = text.normalize("NFKC").replace(/[^\x21-\x7e]/g, "");
  const prefix = PREFIXES.find(([begins]) => compact.startsWith(begins))?.[0] ?? "";
  return `${prefix}${DOTS}${lastOf(compact.slice(prefix.length))}`;
}

/** Of a long one three characters tell two apart and give nothing away. */
function lastOf(text: string): string {
  return text.length >= 20 ? text.slice(-3) : "";
}

/** Its letters and digits. */
function plain(text: string): string {
  return [...text.normalize("NFKC")].filter((character) => isAlphanumeric(character, 0)).join("");
}

/** The first few and the last four, by four. */
function grouped(characters: string, first: number): string {
  const hidden = Math.max(0, characters.length - first - 4);
  const masked = characters.slice(0, first) + "•".repeat(hidden) + (characters.length >= 12 ? characters.slice(-4) : DOTS);
  return masked.replace(/.{4}(?=.)/gu, "$& ");
}
