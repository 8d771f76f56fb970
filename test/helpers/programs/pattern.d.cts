export function piecesOf(n: number): Buffer[]
