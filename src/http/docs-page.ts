import { html, raw } from "hono/html";
import { curlOf } from "./docs-curl.ts";
import type { OpenApiDocument } from "./document.ts";

/** What the page reads of an operation, a parameter, a schema (OpenAPI 3.1). */
export interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content?: Content };
  readonly responses?: Readonly<Record<string, { readonly description?: string; readonly content?: Content }>>;
}
export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: Schema;
}
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly description?: string;
  readonly example?: unknown;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}
type Content = Readonly<Record<string, { readonly schema?: Schema }>>;
type Markup = ReturnType<typeof html>;

/** One operation with where it is. */
export interface Place {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

export const DOCS_STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { background: var(--soft); padding: .6rem .8rem; overflow-x: auto; border-radius: .3rem; }
details { border: 1px solid var(--line); border-radius: .3rem; margin: .4rem 0; padding: .3rem .8rem; }
summary { cursor: pointer; }
summary b { display: inline-block; min-width: 4.2rem; font: 600 14px ui-monospace, monospace; }
summary span { opacity: .75; margin-left: .6rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); }
nav a { margin-right: 1rem; }
`;

/** A whole page without scripts, pictures or anything from elsewhere. */
export function docsPage(document: OpenApiDocument): Markup {
  const tags = document.tags ?? [];
  const places = placesOf(document);
  const server = document.servers?.[0]?.url ?? "";
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${document.info.title} HTTP API</title>
        ${raw(`<style>${DOCS_STYLE}</style>`)}
      </head>
      <body>
        <h1>${document.info.title} <small>${document.info.version}</small></h1>
        <p>${prose(document.info.description ?? "")}</p>
        <p>The same for programs: <a href="/openapi.json">/openapi.json</a>.</p>
        <nav>${tags.map((tag) => html`<a href="#${anchorOf(tag.name)}">${tag.name}</a>`)} <a href="#schemas">Schemas</a></nav>
        ${tags.map((tag) => group(tag.name, tag.description ?? "", places, server))}
        <h2 id="schemas">Schemas</h2>
        ${schemas(document)}
      </body>
    </html>`;
}

export function placesOf(document: OpenApiDocument): readonly Place[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Readonly<Record<string, Operation>>).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
}

function group(name: string, description: string, places: readonly Place[], server: string): Markup {
  const own = places.filter((place) => place.operation.tags?.includes(name));
  return html`<section>
    <h2 id="${anchorOf(name)}">${name}</h2>
    <p>${prose(description)}</p>
    ${own.map((place) => operation(place, server))}
  </section>`;
}

function operation(place: Place, server: string): Markup {
  const { summary = "", description = "", parameters = [], requestBody, responses = {} } = place.operation;
  return html`<details>
    <summary><b>${place.method}</b> <code>${place.path}</code><span>${summary}</span></summary>
    <p>${prose(description)}</p>
    <p>${scopesText(place.operation)}</p>
    ${parameters.length === 0 ? "" : parameterTable(parameters)}
    ${requestBody?.content === undefined ? "" : html`<p>Body: ${contentLinks(requestBody.content)}</p>`}
    <pre>${curlOf(place, server)}</pre>
    <table>
      ${Object.entries(responses).map(
        ([status, response]) =>
          html`<tr>
            <th>${status}</th>
            <td>${response.description ?? ""}</td>
            <td>${contentLinks(response.content ?? {})}</td>
          </tr>`,
      )}
    </table>
  </details>`;
}

function scopesText({ security = [] }: Operation): string {
  const scopes = security.flatMap((requirement) => Object.values(requirement).flat());
  return scopes.length === 0 ? "No key needed." : `Key with any of: ${scopes.join(", ")}.`;
}

function parameterTable(parameters: readonly Parameter[]): Markup {
  return html`<table>
    ${parameters.map(
      (parameter) =>
        html`<tr>
          <th><code>${parameter.name}</code></th>
          <td>${parameter.in}${parameter.required === true ? ", required" : ""}</td>
          <td>${typeText(parameter.schema ?? {})}</td>
          <td>${prose(parameter.schema?.description ?? "")}</td>
        </tr>`,
    )}
  </table>`;
}

function contentLinks(content: Content): readonly Markup[] {
  return Object.entries(content).map(([type, { schema }]) => html`<code>${type}</code> ${typeLink(schema ?? {})} `);
}

function schemas(document: OpenApiDocument): readonly Markup[] {
  return Object.entries((document.components?.schemas ?? {}) as Readonly<Record<string, Schema>>).map(
    ([name, schema]) =>
      html`<details id="schema-${name}">
        <summary><code>${name}</code></summary>
        ${fieldTable(schema)} ${schema.example === undefined ? "" : html`<pre>${JSON.stringify(schema.example, null, 2)}</pre>`}
      </details>`,
  );
}

function fieldTable(schema: Schema): Markup {
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices !== undefined)
    return html`<p>One of:</p>
      ${choices.map(fieldTable)}`;
  if (schema.properties === undefined) return html`<p>${typeText(schema)}</p>`;
  return html`<table>
    ${Object.entries(schema.properties).map(([name, field]) => fieldRow(name, field, schema.required?.includes(name) === true))}
  </table>`;
}

function fieldRow(name: string, field: Schema, required: boolean): Markup {
  return html`<tr>
    <th><code>${name}</code></th>
    <td>${typeLink(field)}${required ? "" : ", optional"}</td>
    <td>${prose(field.description ?? "")}</td>
  </tr>`;
}

/** A named schema is linked, also when it is what a list holds. */
function typeLink(schema: Schema): Markup {
  const target = schema.$ref ?? schema.items?.$ref;
  if (target === undefined) return html`${typeText(schema)}`;
  const name = nameOf(target);
  return html`<a href="#schema-${name}">${name}</a>${schema.items === undefined ? "" : "[]"}`;
}

function typeText(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return choices.map(typeText).join(" | ");
  if (schema.$ref !== undefined) return nameOf(schema.$ref);
  const type = Array.isArray(schema.type) ? schema.type.join(" | ") : String(schema.type ?? "any");
  const items = schema.items === undefined ? "" : ` of ${typeText(schema.items)}`;
  return `${type}${items}${schema.default === undefined ? "" : `, default ${JSON.stringify(schema.default)}`}`;
}

function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf("/") + 1);
}

/** Words between back-ticks are code. */
function prose(text: string): readonly (Markup | string)[] {
  return text.split("`").map((part, at) => (at % 2 === 1 ? html`<code>${part}</code>` : part));
}

function anchorOf(name: string): string {
  return name.toLowerCase().replaceAll(" ", "-");
}
