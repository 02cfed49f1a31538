package site

import (
	"fmt"
	"testing"
)

// The headers get the best grade of the MDN HTTP Observatory.
func TestObservatoryGradesTheHeadersAPlus(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var got struct {
		Scan struct {
			Grade                      string
			Score                      int
			TestsPassed, TestsQuantity int
		}
		Tests map[string]struct {
			Pass             bool
			Result           string
			ScoreModifier    int
			ScoreDescription string
		}
	}
	node(t, s.sites(), s.root, &got, "observatory.mjs", shop)
	row(t, "MDN HTTP Observatory", fmt.Sprintf("%s, score %d, %d of %d tests passed", got.Scan.Grade, got.Scan.Score, got.Scan.TestsPassed, got.Scan.TestsQuantity), "A+, 115")
	if len(got.Tests) < 10 {
		t.Errorf("only %d tests ran", len(got.Tests))
	}
	for name, test := range got.Tests {
		t.Logf("%s %+d %s", name, test.ScoreModifier, test.Result)
		if !test.Pass {
			t.Errorf("%s: %s (%+d): %s", name, test.Result, test.ScoreModifier, test.ScoreDescription)
		}
	}
	if got.Scan.Grade != "A+" || got.Scan.Score < 115 {
		t.Errorf("the grade is %s with a score of %d, want A+ with 115 or more", got.Scan.Grade, got.Scan.Score)
	}
}
