/** Types of numbers that can be averaged, named as safetensors names them, and how many bytes one takes. */
export const NUMBER_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

export type NumberType = keyof typeof NUMBER_BYTES;

export function isNumberType(name: string): name is NumberType {
  return Object.hasOwn(NUMBER_BYTES, name);
}

/** The elements of a tensor of that shape; undefined when it is no shape, or of more elements than any file holds. */
export function countElements(shape: readonly number[]): number | undefined {
  if (!shape.every((length) => Number.isSafeInteger(length) && length >= 0)) return undefined;
  // An empty tensor is empty however long its other sides claim to be.
  if (shape.includes(0)) return 0;
  const count = shape.reduce((product, length) => product * length, 1);
  return Number.isSafeInteger(count) ? count : undefined;
}
