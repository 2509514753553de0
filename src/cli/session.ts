import { styleText } from "node:util";
import { createClient, type Client } from "./client.ts";
import type { CliDeps } from "./deps.ts";
import { accessKey, serviceUrl } from "./settings.ts";
import { printable, printableJson } from "./text.ts";

/** One run of one command. */
export interface Session {
  readonly deps: CliDeps;
  readonly http: Client;
  /** `--json` was given. */
  readonly json: boolean;
  /** Cells of the terminal; null where output goes to a file or a pipe. */
  readonly cells: number | null;
  /** The result: one JSON document with `--json`, else what `text` makes for people. */
  print(document: object, text: () => string): void;
  /** Beside the result, on standard error, and only for people. */
  note(text: string): void;
  readonly paint: Paint;
}

export type Colour = "green" | "yellow" | "red" | "bold" | "dim";
/** Leaves text alone where nobody would see the colour. */
export type Paint = (colour: Colour, text: string) => string;

export function createSession(deps: CliDeps, json: boolean): Session {
  const { stdout, stderr } = deps;
  return {
    deps,
    json,
    http: lazyClient(deps),
    cells: stdout.isTTY ? (stdout.columns ?? 80) : null,
    print: (document, text) => stdout.write(`${json ? printableJson(document) : text()}\n`),
    note: (text) => {
      if (!json) stderr.write(`note: ${printable(text)}\n`);
    },
    paint: paintFor(deps),
  };
}

/** A wrong POSTERN_URL is the trouble of commands that use it. */
function lazyClient(deps: CliDeps): Client {
  let made: Client | undefined;
  const client = (): Client => {
    const url = serviceUrl(deps.env);
    return (made ??= createClient({ url, key: () => accessKey(deps.env, deps.files, url), fetch: deps.fetch }));
  };
  return {
    get: async (path, query) => client().get(path, query),
    send: async (method, path, body, headers) => client().send(method, path, body, headers),
    remove: async (path) => client().remove(path),
    bytes: async (path) => client().bytes(path),
  };
}

/** https://no-color.org: any value but the empty one. */
function paintFor({ stdout, env }: CliDeps): Paint {
  const colours = stdout.isTTY && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  return (colour, text) => (colours ? styleText(colour, text, { validateStream: false }) : text);
}
