import { Option, type OptionValues } from "commander";
import { PosternError } from "../model/errors.ts";
import type { Channel } from "./channel-text.ts";
import { segment } from "./client.ts";
import { addCommand, type Cli } from "./command.ts";
import { mailboxId, type Mailbox } from "./mailbox-id.ts";
import { formatMailbox } from "./mailbox-text.ts";
import type { Warning } from "./policy-warnings.ts";
import { addText } from "./repeated.ts";

interface ChannelOptions extends OptionValues {
  readonly webhook?: readonly string[];
  readonly workflow?: readonly string[];
  readonly idPer: "thread" | "message";
  readonly key?: string;
  readonly none?: true;
}

interface Shown extends Mailbox {
  /** Of what was just set. */
  readonly warnings?: readonly Warning[];
}

export function addChannels(cli: Cli, group: Cli["program"]): void {
  addCommand<[mailbox: string], ChannelOptions>(cli, group, {
    usage: "channels <mailbox>",
    summary: "show or set how mail reaches the agent beside pull",
    about:
      "Sets all of them at once, for mail that is delivered from now on; without options only shows them. A workflow is started by its first mail and signalled with each.",
    arguments: { mailbox: "id, address or alias" },
    options: (command) =>
      command
        .option("--webhook <id>", "of `postern webhooks create`; may be repeated", addText)
        .option("--workflow <type@queue>", "workflow type and task queue of a worker of yours; may be repeated", addText)
        .addOption(new Option("--id-per <what>", "one workflow a thread or a message").choices(["thread", "message"]).default("thread"))
        .option("--key <id>", "key with the scope `send` in whose name these workflows send (default: they may not)")
        .addOption(new Option("--none", "take all off: pull only").conflicts(["webhook", "workflow"])),
    examples: [
      "mailbox channels assistant@acme.example --webhook whk_3p5r7t9v1x3z5b7d9f1h3k5m",
      "mailbox channels assistant@acme.example --workflow schedulingAgent@agents --key key_2n4p6r8t0v1x3z5b7d9f1h3k",
      "mailbox channels assistant@acme.example --none --json",
    ],
    run: async ({ http, print, cells }, [text], options) => {
      const path = `/v1/mailboxes/${segment(await mailboxId(http, text))}`;
      const channels = wanted(options);
      const mailbox = channels === null ? await http.get<Shown>(path) : await http.send<Shown>("PATCH", path, { channels });
      print(mailbox, () => formatMailbox(mailbox, cells, mailbox.warnings));
    },
  });
}

/** Null: nothing was said. */
function wanted({ webhook = [], workflow = [], none, ...more }: ChannelOptions): readonly Channel[] | null {
  if (webhook.length + workflow.length === 0) return none === true ? [] : null;
  const hooks = webhook.map((webhook_id) => ({ kind: "webhook", webhook_id }) as const);
  return [...hooks, ...workflow.map((text) => workflowChannel(text, more))];
}

function workflowChannel(text: string, { idPer: id_per, key }: Pick<ChannelOptions, "idPer" | "key">): Channel {
  const at = text.indexOf("@");
  if (at < 1 || at === text.length - 1) {
    throw new PosternError("invalid_request", `\`${text}\` is not a workflow type and a task queue`, {
      fix: "write it like `schedulingAgent@agents`",
    });
  }
  const named = { kind: "workflow", type: text.slice(0, at), task_queue: text.slice(at + 1), id_per } as const;
  return key === undefined ? named : { ...named, key_id: key };
}
