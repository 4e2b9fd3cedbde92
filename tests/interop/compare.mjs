// Whether two files, or two folders with all that lies below, are the same.
import fs from 'node:fs'
import path from 'node:path'

const kPiece = 1 << 20

function sameBytes(one, two) {
  const a = fs.openSync(one, 'r')
  const b = fs.openSync(two, 'r')
  const left = Buffer.allocUnsafe(kPiece)
  const right = Buffer.allocUnsafe(kPiece)
  try {
    for (;;) {
      const n = fs.readSync(a, left, 0, kPiece)
      if (n !== fs.readSync(b, right, 0, kPiece)) return false
      if (n === 0) return true
      if (left.compare(right, 0, n, 0, n) !== 0) return false
    }
  } finally {
    fs.closeSync(a)
    fs.closeSync(b)
  }
}

/** Throws with the first difference. Names that begin with '.' are left out of `one`. */
export function expectSame(one, two) {
  const a = fs.lstatSync(one)
  const b = fs.lstatSync(two)
  if (a.isSymbolicLink()) {
    if (!b.isSymbolicLink() || fs.readlinkSync(one) !== fs.readlinkSync(two)) {
      throw new Error(`${two} is not the link that ${one} is`)
    }
  } else if (a.isDirectory()) {
    const names = fs.readdirSync(one).filter((name) => !name.startsWith('.')).sort()
    const others = fs.readdirSync(two).sort()
    if (!b.isDirectory() || names.length !== others.length) {
      throw new Error(`${two} has ${others.length} entries, ${one} ${names.length}`)
    }
    for (const name of names) expectSame(path.join(one, name), path.join(two, name))
  } else if (a.size !== b.size || !sameBytes(one, two)) {
    throw new Error(`${two} differs from ${one}`)
  }
}
