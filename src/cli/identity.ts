import type { OptionValues } from "commander";
import type { IdentityVerdict } from "../mail/identity-header-verify.ts";
import type { BoundParts } from "../mail/identity-header.ts";
import { PosternError } from "../model/errors.ts";
import { addCommand, addGroup, type Cli } from "./command.ts";
import { hasBareLfOnly, toCrlf } from "./eml.ts";
import { EXIT, type Exit } from "./exit.ts";
import type { KeyChoice } from "./identity-keys.ts";
import type { Session } from "./session.ts";
import { formatFields } from "./table.ts";

type VerifyOptions = OptionValues & KeyChoice;

export function addIdentity(cli: Cli): void {
  const group = addGroup(cli.program, "identity", "the signed header of mail that leaves", [
    "identity verify letter.eml --url https://mail.acme.example",
  ]);
  addCommand<[file: string], VerifyOptions>(cli, group, {
    usage: "verify <file>",
    summary: "check the identity header of a message",
    about:
      "Says whether the key's owner signed it for this very message: Message-ID, From, To and Cc, and body. Offline with --key; else the key is " +
      "fetched from --url, or from this environment's service. It is never taken from where the message points. Exit codes: 0 valid, 1 not.",
    arguments: { file: "a message as RFC 5322 has it (.eml), or - for standard input" },
    options: (command) =>
      command
        .option("--key <jwk>", "public key: a file with a JWK or JWK set, or the JSON itself")
        .option("--url <url>", "where the key is published; of a bare origin /.well-known/jwks.json"),
    examples: [
      "identity verify letter.eml --url https://mail.acme.example",
      "identity verify letter.eml --key acme.jwk.json",
      "identity verify - --key acme.jwk.json --json < letter.eml",
    ],
    run: verify,
  });
}

async function verify(session: Session, [file]: [string], choice: VerifyOptions): Promise<Exit> {
  const raw = await readMessage(session, file);
  // Imported late: no other command needs JOSE.
  const [{ identityKeys }, { verifyIdentity }] = await Promise.all([
    import("./identity-keys.ts"),
    import("../mail/identity-header-verify.ts"),
  ]);
  const { keys, from } = await identityKeys(session.deps, choice);
  const found = await verifyIdentity(raw, keys);
  session.print({ file, keys_from: from, ...found }, () => formatFields(fieldsOf(found, from), session.cells));
  return found.verdict === "valid" ? EXIT.ok : EXIT.failure;
}

async function readMessage({ deps }: Session, file: string): Promise<Buffer> {
  try {
    const bytes = file === "-" ? await deps.stdin() : await deps.files.read(file);
    // As editors and mail programs save it; the signed form has CRLF.
    return hasBareLfOnly(bytes) ? toCrlf(bytes) : bytes;
  } catch (cause) {
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    throw new PosternError("invalid_request", `\`${file}\` cannot be read (${code})`, {
      fix: "check the path, or give `-` for standard input",
      cause,
    });
  }
}

const MEANINGS: Readonly<Record<IdentityVerdict["verdict"], string>> = {
  valid: "valid: signed for this message, and nothing that it is bound to was changed",
  altered: "NOT VALID: it was signed for another message, or this one was changed",
  forged: "NOT VALID: the key of that name did not sign it",
  unknown_key: "not known: signed by none of these keys",
  absent: "none: the message has no identity header",
  ambiguous: "NOT VALID: the header, or a part that it is bound to, is missing or there twice",
  malformed: "NOT VALID: the header is no identity",
};

const PARTS: Readonly<Record<keyof BoundParts, string>> = {
  message_id: "Message-ID",
  from: "From",
  recipients_sha256: "To and Cc",
  body_sha256: "body",
};

function fieldsOf(found: IdentityVerdict, from: string): [string, string | null][] {
  const fields: [string, string | null][] = [
    ["identity", MEANINGS[found.verdict]],
    ["differs", found.verdict === "altered" ? found.parts.map((part) => PARTS[part]).join(", ") : null],
    ["keys", from],
    ["signed by", "kid" in found ? found.kid : null],
  ];
  return "claims" in found ? [...fields, ...claimFields(found)] : fields;
}

function claimFields({ claims }: Extract<IdentityVerdict, { readonly claims: unknown }>): [string, string | null][] {
  return [
    ["operator", `${claims.operator}${claims.verified_operator ? " (verified)" : " (not verified)"}`],
    ["service", claims.service],
    ["oversight", claims.oversight],
    ["capabilities", claims.capabilities.length === 0 ? "none" : claims.capabilities.join(" ")],
    ["created", claims.created],
    ["message", claims.message_id],
    ["from", claims.from],
  ];
}
