import { addCommand, addGroup, type Cli } from "./command.ts";
import { formatFields } from "./table.ts";
import { formatTime } from "./time.ts";

interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
  readonly admin_key: { readonly id: string; readonly key: string };
}

export function addTenants(cli: Cli): void {
  const group = addGroup(cli.program, "tenant", "who owns keys, domains and mailboxes", ["tenant create acme"]);
  addCommand<[name: string], Record<string, never>>(cli, group, {
    usage: "create <name>",
    summary: "make a tenant and its first admin key",
    about: "Needs an operator's key. The admin key is shown this once.",
    arguments: { name: "what people call it, unique on the instance" },
    examples: ["tenant create acme", "tenant create acme --json"],
    run: async ({ http, print, note, cells }, [name]) => {
      const tenant = await http.send<Tenant>("POST", "/v1/tenants", { name });
      const { id, created_at, admin_key } = tenant;
      print(
        tenant,
        () =>
        formatFields([["tenant", id], ["name", tenant.name], ["created", formatTime(created_at)], ["key id", admin_key.id], ["key", admin_key.key]], cells), // prettier-ignore
      );
      note("the key is shown this once; put it where only its owner can read it");
    },
  });
}
