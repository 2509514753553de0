import type { Severity } from "../../model/finding.ts";

/** Something that must not leave unseen, as a stretch of the text that was looked at. */
export interface Sighting {
  readonly code: SecretCode;
  readonly severity: Severity;
  readonly start: number;
  readonly end: number;
}

/** What the guard `secrets` can see. A finding's code; `redact` shows each in its own way. */
export type SecretCode =
  | "private_key"
  | "key_file"
  | "aws_key"
  | "google_key"
  | "azure_key"
  | "github_token"
  | "gitlab_token"
  | "npm_token"
  | "package_token"
  | "slack_token"
  | "chat_token"
  | "stripe_key"
  | "webhook_secret"
  | "openai_key"
  | "anthropic_key"
  | "postern_key"
  | "api_key"
  | "authorization"
  | "jwt"
  | "connection_string"
  | "payment_card"
  | "iban";
