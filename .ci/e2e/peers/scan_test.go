package peers

import (
	"image"
	"image/color"
	"regexp"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// scan reads the QR code in a terminal with ZXing, which shares no code with the library that drew it.
func scan(t *testing.T, terminal string) string {
	t.Helper()
	const scale = 8 // pixels a module
	rows := regexp.MustCompile(`\x1b\[38;5;16;48;5;231m([ █▀▄]+)\x1b\[0m`).FindAllStringSubmatch(terminal, -1)
	if len(rows) == 0 {
		t.Fatalf("no code in\n%s", terminal)
	}
	width := len([]rune(rows[0][1]))
	picture := image.NewGray(image.Rect(0, 0, width*scale, 2*len(rows)*scale))
	for y, row := range rows {
		for x, r := range []rune(row[1]) {
			for half, dark := range []bool{r == '█' || r == '▀', r == '█' || r == '▄'} {
				shade := color.Gray{Y: 255}
				if dark {
					shade.Y = 0
				}
				for i := range scale * scale {
					picture.SetGray(x*scale+i%scale, (2*y+half)*scale+i/scale, shade)
				}
			}
		}
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		t.Fatal(err)
	}
	read, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		t.Fatalf("the code is not readable: %v\n%s", err, terminal)
	}
	return read.GetText()
}
