/** Area codes of the North American plan; 202 is left to the number that callers dial. */
const AREA_CODES = [
  201, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231, 234, 239,
  240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302, 303, 304, 305, 307, 308, 309, 310,
  312, 313,
]
/** 555-0100 to 555-0199 are kept free for examples in each of them. */
const PER_AREA = 100

/** How many numbers there are. */
export const DRILL_NUMBERS = AREA_CODES.length * PER_AREA

/** A number that nobody has, in E.164; each index below `DRILL_NUMBERS` has one of its own. Throws a `RangeError` beyond. */
export function drillNumber(index: number): string {
  const area = AREA_CODES[Math.floor(index / PER_AREA)]
  if (area === undefined)
    throw new RangeError(`a drill has ${DRILL_NUMBERS} numbers, and number ${index} was asked for`)
  return `+1${area}55501${String(index % PER_AREA).padStart(2, '0')}`
}
