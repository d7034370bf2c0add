export function Door() {
  return null;
}
