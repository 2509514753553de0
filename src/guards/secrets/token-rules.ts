import type { Severity } from "../../model/finding.ts";
import type { Alphabet } from "./alphabet.ts";
import { hasChecksum, looksRandom } from "./random.ts";
import type { SecretCode } from "./sighting.ts";

/** A key that says what it is: a prefix nobody else begins with, and a body. */
export interface TokenRule {
  readonly code: SecretCode;
  readonly prefixes: readonly string[];
  readonly alphabet: Alphabet;
  /** Characters of the body. */
  readonly least: number;
  /** Default: `least`, and then nothing of ASCII's letters and digits may follow. */
  readonly most?: number;
  /** Null: it only looks like one. */
  readonly judge: (body: string) => Severity | null;
  /** Characters of the alphabet that belong to it before the prefix. */
  readonly before?: { readonly alphabet: Alphabet; readonly least: number };
}

const LONG = 512;

const drawn = (body: string): Severity | null => (looksRandom(body) ? 3 : null);
/** Keys to a sandbox open no door, and are still nobody else's. */
const drawnForTests = (body: string): Severity | null => (looksRandom(body) ? 2 : null);
const checked = (body: string): Severity | null => (hasChecksum(body) ? 3 : drawnForTests(body));
/** OpenAI marks its keys by its own name in base64; other houses took the bare prefix over. */
const marked = (body: string): Severity | null => (body.includes("T3BlbkFJ") ? 3 : drawnForTests(body));

// Forms as their makers publish them; lengths from below where makers have changed them.
const TOKEN_RULES: readonly TokenRule[] = [
  { code: "postern_key", prefixes: ["pst_live_"], alphabet: "base64url", least: 20, most: LONG, judge: drawn },
  { code: "aws_key", prefixes: ["AKIA", "ASIA", "ABIA", "ACCA"], alphabet: "upper", least: 16, judge: drawn },
  { code: "google_key", prefixes: ["AIza"], alphabet: "base64url", least: 35, judge: drawn },
  { code: "google_key", prefixes: ["GOCSPX-"], alphabet: "base64url", least: 28, judge: drawn },
  { code: "google_key", prefixes: ["ya29.", "1//0"], alphabet: "dotted", least: 30, most: LONG, judge: drawn },
  {
    code: "azure_key",
    prefixes: ["7Q~", "8Q~", "9Q~"],
    alphabet: "tilde",
    least: 31,
    most: 34,
    judge: drawn,
    before: { alphabet: "tilde", least: 3 },
  },
  { code: "github_token", prefixes: ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], alphabet: "base62", least: 36, most: LONG, judge: checked },
  { code: "github_token", prefixes: ["github_pat_"], alphabet: "base64url", least: 82, judge: drawn },
  {
    code: "gitlab_token",
    prefixes: ["glpat-", "gldt-", "glrt-", "glptt-", "glft-", "glsoat-", "glcbt-", "gloas-", "glagent-", "glimt-"],
    alphabet: "dotted",
    least: 20,
    most: LONG,
    judge: drawn,
  },
  { code: "npm_token", prefixes: ["npm_"], alphabet: "base62", least: 36, judge: checked },
  { code: "package_token", prefixes: ["pypi-AgE"], alphabet: "base64url", least: 50, most: LONG, judge: drawn },
  { code: "package_token", prefixes: ["rubygems_"], alphabet: "hex", least: 48, judge: drawn },
  { code: "package_token", prefixes: ["dckr_pat_"], alphabet: "base64url", least: 27, judge: drawn },
  {
    code: "slack_token",
    prefixes: ["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxc-", "xoxd-", "xoxe-", "xoxe.", "xapp-"],
    alphabet: "dotted",
    least: 20,
    most: LONG,
    judge: drawn,
  },
  { code: "slack_token", prefixes: ["hooks.slack.com/services/"], alphabet: "path", least: 30, most: LONG, judge: drawn },
  {
    code: "chat_token",
    prefixes: ["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"],
    alphabet: "path",
    least: 60,
    most: LONG,
    judge: drawn,
  },
  // Telegram: the bot's number, a colon, 35 characters.
  { code: "chat_token", prefixes: [":AA"], alphabet: "base64url", least: 33, judge: drawn, before: { alphabet: "digits", least: 8 } },
  { code: "stripe_key", prefixes: ["sk_live_", "rk_live_"], alphabet: "base62", least: 16, most: LONG, judge: drawn },
  { code: "stripe_key", prefixes: ["sk_test_", "rk_test_"], alphabet: "base62", least: 16, most: LONG, judge: drawnForTests },
  { code: "webhook_secret", prefixes: ["whsec_"], alphabet: "base64", least: 24, most: LONG, judge: drawn },
  { code: "openai_key", prefixes: ["sk-proj-", "sk-svcacct-", "sk-admin-"], alphabet: "base64url", least: 40, most: LONG, judge: drawn },
  { code: "anthropic_key", prefixes: ["sk-ant-"], alphabet: "base64url", least: 40, most: LONG, judge: drawn },
  { code: "api_key", prefixes: ["sk-or-v1-"], alphabet: "hex", least: 64, judge: drawn },
  { code: "openai_key", prefixes: ["sk-"], alphabet: "base62", least: 32, most: LONG, judge: marked },
  { code: "api_key", prefixes: ["xai-"], alphabet: "base62", least: 80, judge: drawn },
  { code: "api_key", prefixes: ["gsk_"], alphabet: "base62", least: 52, judge: drawn },
  { code: "api_key", prefixes: ["pplx-"], alphabet: "base62", least: 40, most: LONG, judge: drawn },
  { code: "api_key", prefixes: ["r8_"], alphabet: "base62", least: 37, judge: drawn },
  { code: "api_key", prefixes: ["hf_"], alphabet: "base62", least: 34, judge: drawn },
  { code: "api_key", prefixes: ["SG."], alphabet: "dotted", least: 66, judge: drawn },
  { code: "api_key", prefixes: ["key-"], alphabet: "hex", least: 32, judge: drawn },
  { code: "api_key", prefixes: ["SK"], alphabet: "hex", least: 32, judge: drawn },
  { code: "api_key", prefixes: ["shpat_", "shpca_", "shppa_", "shpss_"], alphabet: "hex", least: 32, judge: drawn },
  { code: "api_key", prefixes: ["dop_v1_", "doo_v1_", "dor_v1_"], alphabet: "hex", least: 64, judge: drawn },
  { code: "api_key", prefixes: ["dapi"], alphabet: "hex", least: 32, judge: drawn },
  { code: "api_key", prefixes: ["sbp_"], alphabet: "hex", least: 40, judge: drawn },
  { code: "api_key", prefixes: ["lin_api_"], alphabet: "base62", least: 40, judge: drawn },
  { code: "api_key", prefixes: ["ntn_"], alphabet: "base62", least: 40, most: LONG, judge: drawn },
  { code: "api_key", prefixes: ["figd_"], alphabet: "base64url", least: 40, most: LONG, judge: drawn },
  { code: "api_key", prefixes: ["glsa_"], alphabet: "base64url", least: 41, judge: drawn },
  { code: "api_key", prefixes: ["glc_"], alphabet: "base64", least: 32, most: LONG, judge: drawn },
  { code: "api_key", prefixes: ["hvs.", "hvb."], alphabet: "base64url", least: 24, most: LONG, judge: drawn },
  { code: "api_key", prefixes: ["PMAK-"], alphabet: "base64url", least: 59, judge: drawn },
  { code: "api_key", prefixes: ["NRAK-"], alphabet: "upper", least: 27, judge: drawn },
  { code: "api_key", prefixes: ["ATATT3"], alphabet: "base64any", least: 60, most: LONG, judge: drawn },
  { code: "api_key", prefixes: ["sq0csp-", "sq0atp-"], alphabet: "base64url", least: 22, most: 43, judge: drawn },
  { code: "private_key", prefixes: ["AGE-SECRET-KEY-1"], alphabet: "upper", least: 58, judge: drawn },
];

/** Every prefix with its rule, the longest first: `sk-ant-` is not a `sk-`. */
export const PREFIXES: readonly (readonly [string, TokenRule])[] = TOKEN_RULES.flatMap((rule) =>
  rule.prefixes.map((prefix) => [prefix, rule] as const),
).toSorted(([a], [b]) => b.length - a.length);
