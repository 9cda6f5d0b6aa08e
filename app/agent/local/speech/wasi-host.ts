/**
 * The few system calls of WASI preview 1 that a program needs which takes arguments and writes one file. It gives no clock, no
 * environment and no file system: the file is kept in memory, so nothing of the host is in reach.
 *
 * It stands in for `node:wasi`, which is experimental, warns on every start, and would want a temporary file.
 */
export interface WasiHost {
  readonly imports: Readonly<Record<string, (...args: never[]) => number>>
  /** The memory of the instance, to be given before it starts. */
  attach(memory: WasmMemory): void
  /** Sets the arguments of the next run and forgets the output of the last. */
  begin(args: readonly string[]): void
  /** All that the program has written to its file. */
  output(): Uint8Array
}

/** Its buffer is another one after it has grown. */
export interface WasmMemory {
  readonly buffer: ArrayBufferLike
}

/** The path that the program may write to; whatever it opens is this file. */
export const OUTPUT_PATH = '/out'
/** A program that writes more is stopped. */
const OUTPUT_BYTES = 16 * 1024 * 1024

const STDOUT = 1
const STDERR = 2
const ROOT = 3
const OUTPUT = 4

/** WASI errno values (preview 1, `errno`). */
const SUCCESS = 0
const BADF = 8
const FBIG = 22
const NOSYS = 52
const SPIPE = 70

const DIRECTORY = 3
const REGULAR_FILE = 4
const ALL_RIGHTS = 0xffff_ffff_ffff_ffffn

/** The program has called `proc_exit`; its way of returning. */
export class ProcessExit extends Error {
  readonly code: number

  constructor(code: number) {
    super(`the program exited with ${code}`)
    this.code = code
  }
}

export function createHost(): WasiHost {
  let args: readonly Buffer[] = []
  let chunks: Buffer[] = []
  let written = 0
  let memory: WasmMemory = { buffer: new ArrayBuffer(0) }
  let view: DataView = new DataView(memory.buffer)
  const at = (): DataView => {
    if (view.buffer !== memory.buffer) view = new DataView(memory.buffer)
    return view
  }

  const write = (fd: number, vectors: number, count: number, writtenAt: number): number => {
    if (fd !== STDOUT && fd !== STDERR && fd !== OUTPUT) return BADF
    let total = 0
    for (let i = 0; i < count; i++) {
      const start = at().getUint32(vectors + 8 * i, true)
      const length = at().getUint32(vectors + 8 * i + 4, true)
      if (fd === OUTPUT) chunks.push(Buffer.from(new Uint8Array(memory.buffer, start, length)))
      total += length
    }
    if (fd === OUTPUT) written += total
    if (written > OUTPUT_BYTES) return FBIG
    at().setUint32(writtenAt, total, true)
    return SUCCESS
  }

  const imports = {
    args_sizes_get: (countAt: number, sizeAt: number): number => {
      at().setUint32(countAt, args.length, true)
      at().setUint32(sizeAt, Buffer.concat(args).length, true)
      return SUCCESS
    },
    args_get: (pointersAt: number, textAt: number): number => {
      let next = textAt
      args.forEach((arg, i) => {
        at().setUint32(pointersAt + 4 * i, next, true)
        new Uint8Array(memory.buffer).set(arg, next)
        next += arg.length
      })
      return SUCCESS
    },
    fd_prestat_get: (fd: number, statAt: number): number => {
      if (fd !== ROOT) return BADF
      at().setUint32(statAt, 0, true)
      at().setUint32(statAt + 4, 1, true)
      return SUCCESS
    },
    fd_prestat_dir_name: (_fd: number, nameAt: number): number => {
      at().setUint8(nameAt, 0x2f)
      return SUCCESS
    },
    fd_fdstat_get: (fd: number, statAt: number): number => {
      new Uint8Array(memory.buffer).fill(0, statAt, statAt + 24)
      at().setUint8(statAt, fd === ROOT ? DIRECTORY : REGULAR_FILE)
      at().setBigUint64(statAt + 8, ALL_RIGHTS, true)
      at().setBigUint64(statAt + 16, ALL_RIGHTS, true)
      return SUCCESS
    },
    path_open: (...call: readonly (number | bigint)[]): number => {
      // The last of nine arguments says where the new descriptor is to be written.
      at().setUint32(Number(call[8]), OUTPUT, true)
      return SUCCESS
    },
    clock_time_get: (_id: number, _precision: bigint, timeAt: number): number => {
      at().setBigUint64(timeAt, 0n, true)
      return SUCCESS
    },
    fd_write: write,
    fd_close: (): number => SUCCESS,
    fd_seek: (): number => SPIPE,
    fd_read: (): number => BADF,
    fd_fdstat_set_flags: (): number => NOSYS,
    proc_exit: (code: number): number => {
      throw new ProcessExit(code)
    },
  }
  return {
    imports,
    attach: (given) => {
      memory = given
    },
    begin: (given) => {
      args = given.map((arg) => Buffer.from(`${arg}\0`))
      chunks = []
      written = 0
    },
    output: () => Buffer.concat(chunks),
  }
}
