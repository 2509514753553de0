import { z } from "zod";
import { mailPolicy } from "./schema.ts";

/** The part of JSON Schema that the policy's schema uses. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
}

/** JSON Schema (draft 2020-12) of a policy as it is written, for editors: `# yaml-language-server: $schema=…`. */
export function policyJsonSchema(): Schema {
  return z.toJSONSchema(mailPolicy, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      // What the schema says in code: exactly one way to name a sender, sub-domains only of a domain.
      if (zodSchema === mailPolicy.shape.senders.element.shape.match) {
        jsonSchema.oneOf = ["address", "domain", "list"].map((key) => ({ required: [key] }));
        jsonSchema.dependentRequired = { subdomains: ["domain"] };
      }
    },
  }) as Schema;
}

/** The policy reference of the README: one row a key, straight from the schema. */
export function policyReference(): string {
  return ["| key | type | default | meaning |", "| --- | --- | --- | --- |", ...rows(policyJsonSchema(), "")].join("\n");
}

function rows(schema: Schema, path: string): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const here = path === "" ? key : `${path}.${key}`;
    const required = schema.required?.includes(key) === true && value.default === undefined;
    return [row(here, value, required), ...rows(value, here), ...rows(value.items ?? {}, `${here}[]`)];
  });
}

function row(path: string, schema: Schema, required: boolean): string {
  const fallback = schema.default === undefined ? (required ? "required" : "") : code(JSON.stringify(schema.default));
  return `| ${code(path)} | ${typeOf(schema)} | ${fallback} | ${cell(schema.description ?? "")} |`;
}

function typeOf(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => code(String(value))).join(", ");
  if (schema.const !== undefined) return code(String(schema.const));
  if (schema.type === "array") return `list of ${schema.items === undefined ? "values" : plural(schema.items)}`;
  return String(schema.type ?? "any");
}

function plural(items: Schema): string {
  return items.enum === undefined ? `${String(items.type ?? "value")}s` : typeOf(items);
}

function code(text: string): string {
  return cell(`\`${text}\``);
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
