<?php
/**
 * One field of a form.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * A field, and in an entry what was filled in.
 */
final class Form_Field {

	/**
	 * The field's own id in its form.
	 *
	 * @var string
	 */
	public $key;

	/**
	 * What the field is called.
	 *
	 * @var string
	 */
	public $label;

	/**
	 * The type that the form plugin gives it.
	 *
	 * @var string
	 */
	public $type;

	/**
	 * What was filled in: text, a number, a tick, or a list or tree of them.
	 *
	 * @var mixed
	 */
	public $value;

	/**
	 * Takes what is known.
	 *
	 * @param string|int $key   The field's id.
	 * @param string     $label What it is called; without one, its id.
	 * @param string     $type  Its type.
	 * @param mixed      $value What was filled in.
	 */
	public function __construct( $key, $label, $type, $value = '' ) {
		$this->key   = (string) $key;
		$this->label = Text::line( $label );
		$this->type  = (string) $type;
		$this->value = $value;
		if ( '' === $this->label ) {
			$this->label = Text::line( $this->key );
		}
	}

	/**
	 * What was filled in, as text. What can be several is joined: a mapping then need not know how a field was built.
	 *
	 * @return string
	 */
	public function text() {
		if ( Field_Types::is_consent( $this->type ) ) {
			return $this->is_checked() ? 'yes' : 'no';
		}
		return Text::clean( self::join_values( $this->value ) );
	}

	/**
	 * Whether a box is ticked.
	 *
	 * @return bool
	 */
	public function is_checked() {
		return ! in_array( strtolower( self::join_values( $this->value ) ), array( '', '0', 'no', 'off', 'false' ), true );
	}

	/**
	 * A value as text.
	 *
	 * @param mixed $value The value.
	 * @return string
	 */
	private static function join_values( $value ) {
		if ( is_bool( $value ) ) {
			return $value ? '1' : '';
		}
		if ( is_scalar( $value ) ) {
			return trim( (string) $value );
		}
		if ( is_object( $value ) ) {
			$value = get_object_vars( $value );
		}
		return is_array( $value ) ? implode( ', ', array_filter( array_map( array( __CLASS__, 'join_values' ), $value ), 'strlen' ) ) : '';
	}
}
