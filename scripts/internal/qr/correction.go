package qr

// correction is the remainder of the data, as a polynomial, by the generator of Reed-Solomon codes.
func correction(data []byte, size int) []byte {
	generator := make([]byte, size) // without the leading 1; the highest power first
	generator[size-1] = 1
	for root, i := byte(1), 0; i < size; i++ {
		for j := range generator {
			generator[j] = times(generator[j], root)
			if j+1 < size {
				generator[j] ^= generator[j+1]
			}
		}
		root = times(root, 2)
	}
	rest := make([]byte, size)
	for _, b := range data {
		factor := b ^ rest[0]
		rest = append(rest[1:], 0)
		for j, g := range generator {
			rest[j] ^= times(g, factor)
		}
	}
	return rest
}

// times multiplies in GF(256) modulo x⁸+x⁴+x³+x²+1.
func times(a, b byte) (product byte) {
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			product ^= a
		}
		carry := a >> 7
		a = a<<1 ^ carry*0x1d
	}
	return product
}
