/** How much of a LoRA acts in which blocks of a U-Net, by their names in the original code. */
import type { Lora, Model } from "../../api/types";

/** Its name, such as OUT03. */
export type Block = string;

export const PARTS = ["base", "down", "middle", "up"] as const;

/** What reads the words, and the three parts of a U-Net. */
export type Part = (typeof PARTS)[number];

const numbered = (side: "IN" | "OUT", numbers: readonly number[]) => numbers.map((each) => `${side}${String(each).padStart(2, "0")}`);

const SMALL = { base: ["BASE"], down: numbered("IN", [1, 2, 4, 5, 7, 8]), middle: ["MID"], up: numbered("OUT", [3, 4, 5, 6, 7, 8, 9, 10, 11]) } as const;
const LARGE = { base: ["BASE"], down: numbered("IN", [4, 5, 7, 8]), middle: ["MID"], up: numbered("OUT", [0, 1, 2, 3, 4, 5]) } as const;

/** The blocks with attentions, where nearly all LoRAs act. */
export function blocksOf(model: Pick<Model, "family">): Readonly<Record<Part, readonly Block[]>> {
  return model.family === "sdxl" ? LARGE : SMALL;
}

/** How much of a LoRA acts in a block. */
export function weightOf(lora: Lora, block: Block): number {
  return lora.block_weights?.[block] ?? 1;
}

/** The one weight of all these blocks; null where they have several. */
export function sharedWeight(lora: Lora, blocks: readonly Block[]): number | null {
  const [first, ...rest] = blocks.map((each) => weightOf(lora, each));
  return first !== undefined && rest.every((each) => each === first) ? first : null;
}

/** The LoRA with this weight in these blocks; 1 is what is not said. */
export function weighed(lora: Lora, blocks: readonly Block[], weight: number): Lora {
  const { block_weights, ...plain } = lora;
  const said = { ...block_weights, ...Object.fromEntries(blocks.map((each) => [each, weight])) };
  const kept = Object.fromEntries(Object.entries(said).filter(([, each]) => each !== 1));
  return Object.keys(kept).length ? { ...plain, block_weights: kept } : plain;
}

/** How many LoRAs act otherwise in some blocks. */
export function weighedByBlock(loras: readonly Lora[]): number {
  return loras.filter(({ block_weights }) => Object.keys(block_weights ?? {}).length).length;
}
