// Local parts folded for matching: lower case, NFC. RFC 5321 lets them differ by case; nobody can rely on it.
// INVARIANT: no other character becomes an ASCII one, or the Kelvin sign would make somebody else a boss with a `k`.

/** Greek question mark, Greek varia, Kelvin sign: what NFC or lower case makes `;`, `\`` and `k` of. Captured, so `split` keeps them. */
const BECOMES_ASCII = /([\u037e\u1fef\u212a])/u;

export function foldLocal(local: string): string {
  const pieces = local.split(BECOMES_ASCII);
  return pieces.map((piece, at) => (at % 2 === 1 ? piece : piece.normalize("NFC").toLowerCase())).join("");
}

/** A recipient (model/outbound.ts), whose domain is in lower-case A-labels already. */
export function foldRecipient(address: string): string {
  const at = address.lastIndexOf("@");
  return `${foldLocal(address.slice(0, at))}${address.slice(at)}`;
}

/** Of a folded address. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}
