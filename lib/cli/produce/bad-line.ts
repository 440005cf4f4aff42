/** What is wrong with a line, as the rest of a sentence that begins with its number. */
export class BadLine extends Error {
  override readonly name = 'BadLine';
}
