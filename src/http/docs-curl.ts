import type { Place, Schema } from "./docs-page.ts";

/** A command to copy: the route with example values, a key from the environment. */
export function curlOf({ method, path, operation }: Place, server: string): string {
  const target = `${server}${filledPath(path, operation.parameters ?? [])}`;
  const verb = method === "GET" ? [] : [`-X ${method}`];
  const key = (operation.security ?? []).length === 0 ? [] : [`-H "Authorization: Bearer $POSTERN_KEY"`];
  return ["curl -sS", ...verb, ...key, ...bodyOf(operation.requestBody?.content ?? {}), quoted(target)].join(" \\\n  ");
}

function filledPath(path: string, parameters: readonly { readonly name: string; readonly schema?: Schema }[]): string {
  return parameters.reduce((filled, { name, schema }) => filled.replace(`{${name}}`, String(schema?.example ?? name)), path);
}

function bodyOf(content: Readonly<Record<string, { readonly schema?: Schema; readonly example?: unknown }>>): readonly string[] {
  const [first] = Object.entries(content);
  if (first === undefined) return [];
  const [type, { example, schema }] = first;
  const value = example ?? exampleOf(schema ?? {});
  return [`-H ${quoted(`content-type: ${type}`)}`, `-d ${quoted(typeof value === "string" ? value : JSON.stringify(value))}`];
}

/** The schema's own example, or one of its required fields' examples. */
function exampleOf(schema: Schema): unknown {
  if (schema.example !== undefined) return schema.example;
  return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, field]) => [name, field.example ?? `<${name}>`]));
}

/** POSIX single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
