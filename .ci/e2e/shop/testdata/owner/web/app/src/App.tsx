import { useEffect, useState } from 'react'

type Product = { id: number; name: string; stock: number }

export default function App() {
  const [products, setProducts] = useState<Product[]>([])
  useEffect(() => {
    const events = new EventSource('/events')
    events.addEventListener('products', ({ data }) => setProducts(JSON.parse(data)))
    return () => events.close()
  }, [])
  return (
    <main>
      <h1>Stock</h1>
      <ul>
        {products.map(({ id, name, stock }) => (
          <li key={id}>{name}: {stock}</li>
        ))}
      </ul>
      <a href="/desk/products">New product</a>
    </main>
  )
}
