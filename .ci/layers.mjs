// Lint rules for the shape of this repository: who may import whom, and what workflow code may hold.
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const DOOR = [
  "gate",
  "intake",
  "screening",
  "store",
  "blobs",
  "policies",
  "mail",
  "guards",
  "audit",
  "grants",
  "delivery",
  "net",
  "threads",
  "message-id",
  "model",
];
const DOORS = ["smtp", "http", "desk", "cli", "mcp", "jmap"];

/** An arrow points only down. A layer may import itself and what is listed; one that is not listed here may not be imported. */
const ARROWS = {
  model: [],
  ...every(["mail", "guards", "blobs", "net", "grants", "transports", "audit"], ["model"]),
  // The form of an audit entry is fixed in the transaction that writes it.
  store: ["audit", "model"],
  // A policy with a pattern that no guard could run is refused when it is stored.
  policies: ["guards", "model"],
  // What a draft is frozen into and what the policy says of it, the same for a dry run at a door and for a step of a workflow.
  screening: ["policies", "mail", "guards", "store", "blobs", "model"],
  threads: ["mail", "guards", "blobs", "policies", "model"],
  // What an agent is shown of a message, the same by every way to it.
  delivery: ["mail", "store", "grants", "model"],
  channels: ["net", "model"],
  "message-id": ["model"],
  gathering: ["model"],
  gate: ["gathering", "model", "store", "blobs"],
  // One message from its bytes to its recorded decision, the same for every door that takes mail in.
  intake: ["gate", "store", "blobs", "mail", "message-id", "model"],
  ...every(DOORS, DOOR),
  workflows: ["model"],
  activities: ["screening", "policies", "mail", "guards", "store", "blobs", "grants", "delivery", "audit", "threads", "model"],
};

/** Types may be named where the code may not be run. */
const TYPE_ARROWS = { workflows: ["activities"], cli: ["root"] };

/** Single files that may reach further than their folder: the only ways to an agent and to the network, and to start a workflow. */
const FILE_ARROWS = {
  "activities/dispatch.ts": ["channels"],
  "activities/send.ts": ["transports"],
  "activities/revive.ts": ["gate"],
  "activities/retell.ts": ["gate"],
  "activities/redispatch.ts": ["gate"],
};

/** Composition roots, also every file directly in src/ that is not named above: they import anything, and only one another imports them. */
const ROOTS = ["root", "dev"];
const ROOT_FILES = ["src/cli/main.ts", "src/cli/process.ts", "src/cli/service.ts"];

/** Packages that a layer may not import, because it would hide what the layer is. */
const PACKAGES = {
  workflows: (name) => !["@temporalio/workflow", "@temporalio/common"].includes(name),
  model: () => true,
  policies: (name) => name.startsWith("@temporalio/"),
  mail: (name) => name.startsWith("@temporalio/"),
  guards: (name) => name.startsWith("@temporalio/"),
  store: (name) => name.startsWith("@temporalio/"),
  ...every(
    DOORS.filter((door) => door !== "cli"),
    (name) => name.startsWith("@temporalio/"),
  ),
};

function every(names, value) {
  return Object.fromEntries(names.map((name) => [name, value]));
}

/** The layer of a file, by its path from the root; null for tests and tools, which may import anything. */
export function layerOf(path) {
  const [top, folder, ...rest] = path.split("/");
  if (["workflows", "activities", "policies"].includes(top)) return top;
  if (top !== "src" || folder === undefined) return null;
  if (ROOT_FILES.includes(path)) return "root";
  if (rest.length > 0) return folder;
  const name = folder.replace(/\.ts$/, "");
  return name in ARROWS ? name : "root";
}

/** Why `from` may not import `to` (both paths from the root), or null when it may. */
export function refusal(from, to, isType) {
  const [layer, other] = [layerOf(from), layerOf(to)];
  if (layer === null || layer === other || ROOTS.includes(layer)) return null;
  if (other === null) return `\`${layer}\` must not import \`${to}\`, which is no part of the product`;
  if (!(layer in ARROWS)) return `\`${layer}\` has no place in the layers; give it one in .ci/layers.mjs`;
  const allowed = [...ARROWS[layer], ...(FILE_ARROWS[from] ?? []), ...(isType ? (TYPE_ARROWS[layer] ?? []) : [])];
  return allowed.includes(other) ? null : `\`${layer}\` must not import \`${other}\`: arrows point down (.ci/layers.mjs)`;
}

const arrows = {
  create(context) {
    const from = relative(ROOT, context.filename);
    const check = (node, source, isType) => {
      if (typeof source?.value !== "string") return;
      const why = source.value.startsWith(".")
        ? refusal(from, relative(ROOT, resolve(dirname(context.filename), source.value)), isType)
        : packageRefusal(from, source.value);
      if (why !== null) context.report({ node, message: why });
    };
    return {
      ImportDeclaration: (node) => check(node, node.source, node.importKind === "type"),
      ExportNamedDeclaration: (node) => check(node, node.source, node.exportKind === "type"),
      ExportAllDeclaration: (node) => check(node, node.source, node.exportKind === "type"),
      ImportExpression: (node) => check(node, node.source, false),
      TSImportType: (node) => check(node, node.source ?? node.argument, true),
    };
  },
};

function packageRefusal(from, name) {
  const layer = layerOf(from);
  return PACKAGES[layer]?.(name) ? `\`${layer}\` must not import the package \`${name}\` (.ci/layers.mjs)` : null;
}

/** A workflow is replayed for ever: what parses or matches belongs into an activity, where its result is recorded. */
const noRegex = {
  create(context) {
    const report = (node) => context.report({ node, message: "no regular expressions in workflow code: match in an activity" });
    return {
      Literal: (node) => node.regex && report(node),
      NewExpression: (node) => node.callee.name === "RegExp" && report(node),
      CallExpression: (node) => node.callee.name === "RegExp" && report(node),
    };
  },
};

export default { meta: { name: "postern" }, rules: { arrows, "no-regex": noRegex } };
