/** The formulas of the parts, as MathML: what reads pages aloud reads them, too. */
import { h, type VNode } from "preact";
import type { Part } from "../state";

type Node = VNode<any>;

const tag = (name: string, ...parts: (Node | string)[]): Node => h(name, null, ...parts);
const i = (name: string) => tag("mi", name);
const o = (sign: string) => tag("mo", sign);
const row = (...parts: Node[]) => tag("mrow", ...parts);
const sub = (base: Node, below: Node) => tag("msub", base, below);
const power = (base: Node, above: Node) => tag("msup", base, above);
const root = (...parts: Node[]) => tag("msqrt", row(...parts));
const over = (above: Node, below: Node) => tag("mfrac", above, below);
const bar = (base: Node) => tag("mover", base, o("¯"));
const hat = (base: Node) => tag("mover", base, o("^"));

const one = () => tag("mn", "1");
const zero = () => tag("mn", "0");
const alpha = () => sub(bar(i("α")), i("t"));
const before = () => sub(bar(i("α")), i("s"));
const xt = () => sub(i("x"), i("t"));
const x0 = () => sub(i("x"), zero());
const guess = () => sub(hat(i("x")), zero());
const noise = () => i("ε");

const PLUS = () => o("+");
const MINUS = () => o("−");
const IS = () => o("=");

const drowned = () => row(xt(), IS(), root(alpha()), x0(), PLUS(), root(one(), MINUS(), alpha()), noise());

const FORMULAS: Record<Part, () => Node[]> = {
  steps: () => [
    row(guess(), IS(), over(row(xt(), MINUS(), root(one(), MINUS(), alpha()), noise()), root(alpha()))),
    row(noise(), IS(), sub(i("ε"), o("∅")), PLUS(), i("w"), o("("), sub(i("ε"), i("c")), MINUS(), sub(i("ε"), o("∅")), o(")")),
  ],
  drown: () => [drowned()],
  worlds: () => [row(i("z"), IS(), i("E"), o("("), i("x"), o(")"), o(","), i("x"), o("≈"), i("D"), o("("), i("z"), o(")"))],
  words: () => [
    row(
      i("softmax"),
      o("("),
      over(row(i("Q"), power(i("K"), i("T"))), root(i("d"))),
      o(")"),
      i("V"),
    ),
  ],
  fewer: () => [row(sub(i("x"), i("s")), IS(), root(before()), guess(), PLUS(), root(one(), MINUS(), before()), noise())],
  taught: () => [
    row(
      i("L"),
      IS(),
      power(
        row(o("‖"), noise(), MINUS(), sub(i("ε"), i("θ")), o("("), xt(), o(","), i("t"), o(","), i("c"), o(")"), o("‖")),
        tag("mn", "2"),
      ),
    ),
  ],
};

/** The formulas of a part, each a `<math>`. */
export function formulas(part: Part): VNode<any>[] {
  return FORMULAS[part]().map((each, index) => h("math", { key: index, display: "block" }, each));
}
