package handlers

import (
	"image"
	_ "image/jpeg"
	_ "image/png"
	"math"
	"mime/multipart"

	"github.com/gin-gonic/gin"

	"example.com/you/shop/app/kit"
)

func (s *shop) deskRoutes(r *gin.Engine) {
	desk := r.Group("/desk", kit.E(onlyAdmins))
	desk.GET("/product", func(c *gin.Context) {
		c.HTML(200, "desk/product", productPage{page: newPage(c, "New product")})
	})
	desk.POST("/product", kit.E(s.takeProduct))
	desk.GET("/stock/*path", s.server.SinglePage("app"))
}

type productInput struct {
	Name    string                `form:"name" binding:"required,max=100"`
	Price   float64               `form:"price" binding:"gt=0,max=10000"`
	Stock   int                   `form:"stock" binding:"min=0"`
	Picture *multipart.FileHeader `form:"picture" binding:"required"`
}

type productPage struct {
	page
	productInput
	Err error // what is wrong with the input
}

func (s *shop) takeProduct(c *gin.Context) error {
	var in productInput
	err := kit.Bind(c, &in)
	if err == nil {
		err = s.saveProduct(c, in)
	}
	if kit.FieldErrors(err) != nil {
		c.HTML(422, "desk/product", productPage{newPage(c, "New product"), in, err})
		return nil
	} else if err != nil {
		return err
	}
	kit.Flash(c, in.Name+" is in the shop.")
	c.Redirect(303, "/")
	return nil
}

func (s *shop) saveProduct(c *gin.Context, in productInput) error {
	file, err := in.Picture.Open()
	if err != nil {
		return err
	}
	defer file.Close()
	_, format, err := image.DecodeConfig(file)
	if err != nil {
		return kit.Invalid("picture", "has to be a JPEG or PNG file")
	}
	in.Picture.Filename = "tea." + format // browsers go by the ending, and this one is no HTML
	name, err := kit.SaveUpload(in.Picture, s.pictures)
	if err != nil {
		return err
	}
	p := product{Name: in.Name, Price: cents(math.Round(in.Price * 100)), Stock: in.Stock, Picture: name}
	return s.addProduct(c.Request.Context(), p)
}
