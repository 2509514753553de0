import { readMailboxField } from "./mailbox.ts";

/** Addresses of an address list (RFC 5322 §3.4), as strictly as `readMailboxField`; null for what two readers could take differently. */
export function readAddressList(value: string): readonly string[] | null {
  if (value.trim() === "" || EMPTY_GROUP.test(value)) return [];
  const addresses: string[] = [];
  for (const entry of splitList(value)) {
    const field = readMailboxField(entry);
    if (field.kind !== "one") return null;
    addresses.push(field.address);
  }
  return addresses;
}

/** `undisclosed-recipients:;` */
const EMPTY_GROUP = /^[A-Za-z0-9 -]{1,64}: {0,9};$/;

/** Cut at commas that stand outside of quotes, brackets and comments. */
function splitList(value: string): string[] {
  const entries: string[] = [];
  let [start, inQuotes, inAngle, comments] = [0, false, false, 0];
  for (let at = 0; at < value.length; at++) {
    const character = value.charAt(at);
    if (character === "\\") at++;
    else if (inQuotes) inQuotes = character !== '"';
    else if (character === "(") comments++;
    else if (comments > 0) comments -= character === ")" ? 1 : 0;
    else if (character === '"') inQuotes = true;
    else if (character === "<" || character === ">") inAngle = character === "<";
    else if (character === "," && !inAngle) {
      entries.push(value.slice(start, at));
      start = at + 1;
    }
  }
  return [...entries, value.slice(start)];
}
