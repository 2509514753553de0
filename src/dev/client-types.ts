import { randomBytes } from "node:crypto";
import { Registry } from "prom-client";
import { createHttpApp } from "../http/app.ts";
import type { HttpDeps } from "../http/deps.ts";

/** As much of JSON Schema 2020-12 as the document uses. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly description?: string;
  readonly default?: unknown;
}

const HEADER = `// Generated from the schemas of the HTTP door: \`node src/dev/generate.ts --write\`. What its answers look like.

/* oxlint-disable */
`;

/** `src/client-types.generated.ts`: every named schema of the OpenAPI document as a type, so that the client needs no zod and no Hono. */
export async function clientTypes(): Promise<string> {
  const schemas = await namedSchemas();
  const types = Object.keys(schemas)
    .toSorted()
    .map((name) => `${comment(schemas[name]!, "")}export type ${name} = ${typeOf(schemas[name]!, "")};\n`);
  return `${HEADER}\n${types.join("\n")}`;
}

async function namedSchemas(): Promise<Readonly<Record<string, Schema>>> {
  // Described, never called: nothing of what a running door stands on is needed.
  const log = { info: () => {}, error: () => {} };
  const deps: Partial<HttpDeps> = {
    metrics: new Registry(),
    version: "0",
    publicUrl: "http://127.0.0.1",
    clock: Date.now,
    random: randomBytes,
    log,
  };
  const response = await createHttpApp(deps as HttpDeps).request("/openapi.json");
  const document = (await response.json()) as { readonly components: { readonly schemas: Record<string, Schema> } };
  return document.components.schemas;
}

function typeOf(schema: Schema, indent: string): string {
  if (schema.$ref !== undefined) return schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const union = schema.anyOf ?? schema.oneOf;
  if (union !== undefined) return [...new Set(union.map((each) => typeOf(each, indent)))].join(" | ");
  if (schema.allOf !== undefined) return together(schema.allOf, indent);
  const { type } = schema;
  if (Array.isArray(type)) return type.map((one: string) => plainType({ ...schema, type: one }, indent)).join(" | ");
  return plainType(schema, indent);
}

/** What may be null is written as all of a schema and one that only says so. */
function together(all: readonly Schema[], indent: string): string {
  const isHint = ({ type, properties, $ref }: Schema): boolean => $ref === undefined && properties === undefined && type !== "object";
  const types = all.filter((each) => !isHint(each)).map((each) => typeOf(each, indent));
  const isNullable = all.some(({ type }) => Array.isArray(type) && type.includes("null"));
  return `${types.length === 1 ? types[0]! : types.map((each) => `(${each})`).join(" & ")}${isNullable ? " | null" : ""}`;
}

function plainType(schema: Schema, indent: string): string {
  switch (schema.type) {
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    case "integer":
    case "number":
      return "number";
    case "array":
      return `readonly ${bracketed(typeOf(schema.items ?? {}, indent))}[]`;
    case "object":
      return objectType(schema, indent);
    default:
      return "unknown";
  }
}

function bracketed(type: string): string {
  return /^\w+$/.test(type) ? type : `(${type})`;
}

function objectType({ properties = {}, required = [], additionalProperties }: Schema, indent: string): string {
  const names = Object.keys(properties);
  if (names.length === 0) {
    const value = typeof additionalProperties === "object" ? typeOf(additionalProperties, indent) : "unknown";
    return `Readonly<Record<string, ${value}>>`;
  }
  const inner = `${indent}  `;
  const lines = names.map((name) => {
    const property = properties[name]!;
    const optional = required.includes(name) ? "" : "?";
    return `${comment(property, inner)}${inner}readonly ${/^[a-z_$][\w$]*$/i.test(name) ? name : JSON.stringify(name)}${optional}: ${typeOf(property, inner)};\n`;
  });
  return `{\n${lines.join("")}${indent}}`;
}

function comment({ description }: Schema, indent: string): string {
  return description === undefined ? "" : `${indent}/** ${description.replaceAll("*/", "*\\/").replaceAll("\n", " ")} */\n`;
}
