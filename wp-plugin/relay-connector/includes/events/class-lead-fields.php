<?php
/**
 * The fields of a form entry.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Values by label, without fields that are never sent or switched off, within the gateway's size limits.
 */
final class Lead_Fields {

	const LONGEST_VALUE = 10000;
	const MOST_BYTES    = 120000;

	/**
	 * Texts by label.
	 *
	 * @var string[]
	 */
	public $values = array();

	/**
	 * The labels of values that were cut.
	 *
	 * @var string[]
	 */
	public $shortened = array();

	/**
	 * How many fields were left out because the entry is too large.
	 *
	 * @var int
	 */
	public $left_out = 0;

	/**
	 * Whether every consent checkbox is checked; null if the form has none.
	 *
	 * @var bool|null
	 */
	public $consent = null;

	/**
	 * The size of the values as JSON, in bytes.
	 *
	 * @var int
	 */
	private $bytes = 0;

	/**
	 * Collects the fields of an entry.
	 *
	 * @param Form_Field[]  $fields  The fields.
	 * @param Event_Choices $choices What the admin has chosen.
	 * @param string        $form    The form, as "plugin:id".
	 */
	public function __construct( array $fields, Event_Choices $choices, $form ) {
		foreach ( $fields as $field ) {
			if ( ! Field_Types::is_sendable( $field->type ) ) {
				continue;
			}
			if ( Field_Types::is_consent( $field->type ) ) {
				$this->consent = false !== $this->consent && $field->is_checked();
			}
			if ( $choices->sends_form_field( $form, $field->key ) ) {
				$this->add( $this->unused( $field->label ), $field->text() );
			}
		}
	}

	/**
	 * Adds a value, cut to the remaining size.
	 *
	 * @param string $label The label.
	 * @param string $text  The value.
	 */
	private function add( $label, $text ) {
		$room = self::MOST_BYTES - $this->bytes - self::size( $label );
		if ( $room < 100 ) {
			++$this->left_out;
			return;
		}
		$short = Text::cut( $text, self::LONGEST_VALUE );
		while ( self::size( $short ) > $room ) {
			$short = Text::cut( $short, (int) ( mb_strlen( $short, 'UTF-8' ) / 2 ) );
		}
		if ( $short !== $text ) {
			$this->shortened[] = $label;
		}
		$this->values[ $label ] = $short;
		$this->bytes           += self::size( $label ) + self::size( $short );
	}

	/**
	 * The label, with a number if an earlier field has the same one.
	 *
	 * @param string $label The label.
	 * @return string
	 */
	private function unused( $label ) {
		$free  = $label;
		$count = 1;
		while ( isset( $this->values[ $free ] ) ) {
			++$count;
			$free = $label . ' (' . $count . ')';
		}
		return $free;
	}

	/**
	 * The size of a text as JSON, in bytes.
	 *
	 * @param string $text The text.
	 * @return int
	 */
	private static function size( $text ) {
		return strlen( (string) wp_json_encode( (string) $text ) );
	}
}
