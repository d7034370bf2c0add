/** How a language writes numbers and dates. */

/**
 * The language with the digits 0 to 9: what is typed into a field, a seed or a size has no others,
 * and one page does not write numbers in two ways.
 */
export function localeOf(code: string): string {
  return `${code}-u-nu-latn`;
}
